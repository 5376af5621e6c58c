// Secrets that must not be found anywhere after a session with the real programs: passwords,
// private keys, session secrets, tokens. Searches the data file, the state folder and all output,
// and the command lines and environments of the processes while they run.

import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createPrivateKey } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { runOnTerminal } from "./run.ts";

setDefaultTimeout(180_000);

const base = testFolder("secrets");

const password = "correct horse battery";
const newPassword = "staple battery horse";
const home = join(base, "home");
const state = join(base, "state");
const data = join(base, "chat.db");
const config = { XDG_CONFIG_HOME: home, NO_COLOR: "1" };
/** The secret in the `hello` of a browser, and the token that it gets. */
const browserSecret = "browser-secret-0123456789";
let token = "";
let output = "";
/**
 * Command lines and environments of all processes of this test, as others on the machine may see
 * them.
 */
let processes = "";
let server: Parley;
let port = 0;

type Line = Record<string, unknown> & { session?: { token?: string } };

/** Sends these lines as a native client, and returns the received lines up to one of that type. */
async function native(lines: readonly object[], until: string): Promise<Line[]> {
  const done = Promise.withResolvers<Line[]>();
  let heard = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, bytes) {
        heard += bytes.toString();
        const parsed = heard
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Line);
        if (parsed.some(({ type }) => type === until)) done.resolve(parsed);
      },
      close: () => done.reject(new Error(heard)),
    },
  });
  socket.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const answers = await done.promise;
  socket.write('{"type":"bye"}\n');
  socket.end();
  return answers;
}

/** A client of open-chat that is asked for the password. */
async function oldClient(): Promise<string> {
  const done = Promise.withResolvers<string>();
  let heard = "";
  let sent = 0;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(socket, bytes) {
        heard += bytes.toString();
        if (sent === 0 && heard.includes("Send its password:")) {
          sent = 1;
          socket.write(`${newPassword}\n`);
        } else if (sent === 1 && heard.includes("ALL ")) {
          sent = 2;
          socket.write("said by an old client\n");
        } else if (heard.includes("said by an old client")) done.resolve(heard);
      },
      close: () => done.reject(new Error(heard)),
    },
  });
  socket.write("Ann\n");
  await done.promise;
  socket.end();
  return heard;
}

function lookAtProcesses(): void {
  if (process.platform !== "linux") return;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      if (!line.includes(base) && !line.includes(`127.0.0.1:${port}`)) continue;
      processes += `${line}\n${readFileSync(`/proc/${pid}/environ`, "latin1")}\n`;
    } catch {
      // It has exited.
    }
  }
}

beforeAll(async () => {
  mkdirSync(home);
  const flags = ["--port", "0", "--no-web", "--files", join(base, "FILES"), "--json"];
  const kept = ["--data", data, "--state", state, "--log-level", "debug"];
  server = new Parley("server", ...flags, ...kept);
  const ready = JSON.parse(await server.line(/"event":"listening"/)) as { port: number };
  ({ port } = ready);
  const to = `127.0.0.1:${port}`;

  type Child = { type: (text: string) => void };
  const typing = (text: string) => (child: Child) => {
    lookAtProcesses();
    child.type(`${text}\r`);
  };
  const { shown, code } = await runOnTerminal(["client", to, "--name", "Ann"], {
    env: config,
    columns: 200,
    steps: [
      ["lobby>", typing("/register")],
      ["is yours now", typing("/password")],
      ["New password", typing(password)],
      ["Repeat it", typing(password)],
      ["The password is set", typing("/quit")],
    ],
  });
  output += shown;
  expect(code).toBe(0);

  const file = join(base, "password");
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  const words = ["client", to, "--name", "Ann", "--password-file", file];
  const follower = new Parley(...words, "--follow", "--identity", join(base, "other-key"));
  follower.type("hello");
  await follower.line("Ann: hello");
  lookAtProcesses();
  follower.signal("SIGTERM");
  await follower.exit();
  output += follower.lines.join("\n") + follower.stderr;

  const hello = { type: "hello", version: 2, name: "Ann", secret: browserSecret };
  const changed = await native(
    [
      { ...hello, password, remember: true },
      { type: "set-password", password: newPassword, remember: true, ref: 1 },
    ],
    "password-set",
  );
  token = String(changed.find(({ type }) => type === "password-set")?.["token"]);
  const again = await native([{ ...hello, token }], "welcome");
  const welcome = again.find(({ type }) => type === "welcome");
  expect(welcome).toHaveProperty("session.registered", true);
  output += await oldClient();
  lookAtProcesses();
  server.signal("SIGTERM");
  await server.exit();
  output += `${server.lines.join("\n")}\n${server.stderr}`;
});

/** Every file below the folder, as one text. */
function contentsOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

/** A secret in the forms in which it could have been written. */
function forms(secret: string | Buffer): string[] {
  const bytes = Buffer.from(secret);
  const encodings = ["latin1", "hex", "base64", "base64url"] as const;
  return encodings.map((encoding) => bytes.toString(encoding).replace(/=+$/, ""));
}

function identitySecret(): Buffer {
  const key = createPrivateKey(readFileSync(join(home, "parley", "identity"), "utf8"));
  return Buffer.from(String(key.export({ format: "jwk" }).d), "base64url");
}

const places: readonly [where: string, text: () => string][] = [
  ["the data file", () => ["", "-wal", "-shm"].map((suffix) => textOf(data + suffix)).join("")],
  ["the state folder", () => contentsOf(state)],
  ["the output and the log", () => output],
];

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

const secrets: readonly [what: string, secret: () => string | Buffer][] = [
  ["the password", () => password],
  ["the password that replaced it", () => newPassword],
  ["the private key of the device", identitySecret],
  ["the secret of a session", () => browserSecret],
  ["the token", () => token],
];

test.each(secrets)("%s is nowhere", (_, secretOf) => {
  const secret = secretOf();
  expect(secret.length).toBeGreaterThan(15);
  for (const [where, text] of places) {
    for (const form of forms(secret))
      expect({ where, found: text().includes(form) }).toEqual({ where, found: false });
  }
});

test("the search covered the intended data", () => {
  const [file, folder, log] = places.map(([, text]) => text());
  expect(file).toContain("$argon2id$");
  expect(file).toContain("said by an old client");
  expect(folder).toContain("BEGIN PRIVATE KEY");
  expect(log).toContain('"message":"logged in"');
  expect(log).toContain('"message":"password changed"');
});

test("the server's private key is only in its file", () => {
  const pem = readFileSync(join(state, "server.pem"), "utf8");
  const [, body = ""] = /BEGIN PRIVATE KEY-----\n([^-]+)/.exec(pem) ?? [];
  const [line = ""] = body.split("\n");
  expect(line.length).toBeGreaterThan(40);
  expect(output + textOf(data)).not.toContain(line);
});

const linuxTest = skipUnless(process.platform === "linux", "/proc is needed");

linuxTest("command lines and environments of all processes had none of them", () => {
  // Environments are never printed, even if the test fails.
  expect(processes.includes("--password-file")).toBe(true);
  expect(processes.includes("--log-level")).toBe(true);
  for (const [, secretOf] of secrets) {
    for (const form of forms(secretOf())) expect(processes.includes(form)).toBe(false);
  }
});
