// Servers with restricted access (--password-file, --members-only), as a stranger sees them at
// every port, and how admitted users get in. The compiled program.

import { beforeAll, describe, expect, setDefaultTimeout } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeRegister } from "../../src/cpp/codec.ts";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { askFrom, Caller, getFrom } from "./caller.ts";
import { run } from "./run.ts";
import { testFolder } from "../test-folder.ts";

setDefaultTimeout(180_000);

const test = skipUnless(process.platform === "linux", "needs 127.0.0.2 and /proc");
const base = testFolder("closed");
const files = join(base, "FILES");
const password = "correct horse battery staple";
const passwordFile = join(base, "password");
const wrongFile = join(base, "wrong");
beforeAll(() => {
  mkdirSync(files);
  writeFileSync(join(files, "plan.txt"), "the plan\n");
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  writeFileSync(wrongFile, "a guess\n", { mode: 0o600 });
});

const [home, abroad, elsewhere] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
const social = ["open-chat", "chat-room", "line-chat", "select-chat"];
const ways = [...social, "greeting", "calculator", "date-time", "cpp"];

type Ports = {
  port: number;
  webPort: number;
  metricsPort: number;
  dialects: Record<string, number>;
};

let count = 0;

async function start(...more: string[]): Promise<{ server: Parley; ports: Ports }> {
  const listen = ways.map((way) => `${way}=0`).join(",");
  const command = `server --port 0 --web-port 0 --metrics-port 0 --json --listen ${listen}`;
  const own = more.includes("--state") ? [] : ["--state", join(base, `state-${++count}`)];
  const server = new Parley(...command.split(" "), "--files", files, ...own, ...more);
  return { server, ports: JSON.parse(await server.line(/"event":"listening"/)) as Ports };
}

const hello = (fields: object) => `${JSON.stringify({ type: "hello", version: 2, ...fields })}\n`;
const register = encodeRegister({ id: "Mallory", ip: abroad, port: 7_777 });

/** The answers of the page's connection until it is closed. */
async function hearsAtPage(webPort: number, lines: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = new WebSocket(`ws://${home}:${webPort}/ws`);
  let heard = "";
  socket.addEventListener("open", () => {
    for (const line of lines.trimEnd().split("\n")) socket.send(line);
  });
  socket.addEventListener("message", ({ data }) => {
    heard += `${data}\n`;
  });
  socket.addEventListener("close", () =>
    heard === "" ? reject(new Error("heard nothing")) : resolve(heard),
  );
  return await promise;
}

/** Everything that a stranger receives, at every port. */
async function strangerHears({ port, webPort, dialects }: Ports): Promise<Record<string, string>> {
  const heard: Record<string, string> = {};
  const calls: readonly (readonly [string, number | undefined, string])[] = [
    ["native", port, hello({ name: "Ann" })],
    ["native, returning", port, hello({ name: "Ann", rooms: [{ room: "lobby", seq: 0 }] })],
    [
      "native, for files",
      port,
      `${hello({})}{"type":"files"}\n{"type":"fetch","name":"plan.txt"}\n`,
    ],
    [
      "native, for the registry",
      port,
      `${hello({})}${JSON.stringify({ type: "registry", request: register })}\n`,
    ],
    ["registry on the main port", port, register],
    ["cpp", dialects["cpp"], register],
    ["browser at the chat port", port, "GET / HTTP/1.1\r\n\r\n"],
    ["greeting", dialects["greeting"], "Knock knock..\n"],
    ["calculator", dialects["calculator"], "Mallory\n2 + 3\n"],
  ];
  for (const [index, way] of ["text", ...social].entries()) {
    // Each caller uses its own network, otherwise the limit of guesses would answer.
    using caller = await Caller.from(`127.0.1.${index + 1}`, dialects[way] ?? port);
    caller.send("Mallory\n");
    for (const [before, guess] of ["show", "get_list_file", "Ann - hello"].entries()) {
      await caller.hears(
        new RegExp(`(?:for|of) this server(?:[^]*(?:for|of) this server){${before}}`),
      );
      caller.send(`${guess}\n`);
    }
    heard[way] = await caller.ends();
  }
  for (const [way, at, text] of calls) {
    using caller = await Caller.from(abroad, at ?? 0);
    heard[way] = await caller.send(text).ends();
  }
  for (const way of ["date-time", "greeting"]) {
    heard[`${way}, datagram`] = await askFrom(abroad, dialects[way] ?? 0, "SEND_TIME");
  }
  for (const path of ["/files", "/files?after=a", "/files/plan.txt", "/files/plan.txt?sha256"]) {
    const { status, body } = await getFrom(abroad, webPort, path);
    expect([path, status]).toEqual([path, 401]);
    heard[path] = body;
  }
  heard["/ws"] = await hearsAtPage(webPort, hello({ name: "Mallory", rooms: [{ room: "lobby" }] }));
  heard["/ws, for files"] = await hearsAtPage(webPort, `${hello({})}{"type":"files"}\n`);
  heard["/"] = (await getFrom(abroad, webPort, "/")).body;
  heard["/healthz"] = (await getFrom(abroad, webPort, "/healthz")).body;
  return heard;
}

/** The secrets that a stranger could try to find out. */
const secrets =
  /\bAnn\b|treasure|plan\.txt|the plan|\bden\b|\d\d:\d\d:\d\d|has joined|"welcome"|5\.0|REGACK/;

async function expectNothing(ports: Ports): Promise<void> {
  for (const [way, heard] of Object.entries(await strangerHears(ports))) {
    expect([way, heard]).toEqual([way, expect.not.stringMatching(secrets)]);
  }
}

describe("--password-file", () => {
  test("a stranger learns nothing at any port; a user with the password gets everything", async () => {
    const { server, ports } = await start("--password-file", passwordFile);
    await using _ = server;
    using ann = await Caller.from(home, ports.port);
    ann.send(
      hello({ name: "Ann", serverPassword: password, rooms: [{ room: "lobby" }, { room: "den" }] }),
    );
    ann.send('{"type":"say","n":1,"room":"lobby","text":"treasure"}\n');
    await ann.hears('"ack"');
    await expectNothing(ports);
    const address = `${home}:${ports.port}`;
    const list = (...flags: string[]) =>
      run(["fetch-file", "--server", address, "--list", "--quiet", ...flags]);
    const refused = expect.stringContaining("give it by --password-file FILE");
    expect(await list()).toMatchObject({ code: 4, out: "", err: refused });
    expect(await list("--password-file", wrongFile)).toMatchObject({ code: 4, out: "" });
    const listed = await list("--password-file", passwordFile);
    expect(listed).toMatchObject({ code: 0, out: expect.stringContaining("plan.txt") });
    const words = ["fetch-file", "--server", address, "plan.txt", "-o", "-"];
    const fetched = await run([...words, "--password-file", passwordFile]);
    expect(fetched).toMatchObject({ code: 0, out: "the plan\n" });
    const bare = await run(["client", address, "--name", "Bob"], { input: "hi" });
    expect(bare).toMatchObject({
      code: 4,
      err: expect.stringContaining("asks for a password (give it by --password-file FILE"),
    });
    const shown = ["client", address, "--name", "Bob", "--password-file", passwordFile];
    expect(await run(shown, { input: "hi" })).toMatchObject({ code: 0 });
    await ann.hears('"text":"hi"');
  });

  test("old clients are asked after their name, and only the server sees the answer", async () => {
    const { server, ports } = await start("--password-file", passwordFile);
    await using _ = server;
    using ann = await Caller.from(home, ports.port);
    await ann.send(hello({ name: "Ann", serverPassword: password })).hears("welcome");
    for (const [index, way] of social.entries()) {
      using bob = await Caller.from(abroad, ports.dialects[way] ?? 0);
      bob.send(`Bob${index}\n`);
      await bob.hears("The password of this server");
      bob.send(`${password}\n`);
      await ann.hears(`"joined","room":"lobby","name":"Bob${index}"`);
    }
    expect(ann.heard).not.toContain("horse");
    server.type("/quit");
    await server.exit();
    expect(server.stderr + server.lines.join("\n")).not.toContain("horse");
  });

  test("the password is in no argument, environment, log or database", async () => {
    const data = join(base, "secret.db");
    const { server, ports } = await start("--password-file", passwordFile, "--data", data);
    await using _ = server;
    using ann = await Caller.from(home, ports.port);
    await ann.send(hello({ name: "Ann", serverPassword: password })).hears("welcome");
    using eve = await Caller.from(abroad, ports.port);
    await eve.send(hello({ name: "Eve", serverPassword: `${password}!` })).ends();
    for (const file of ["cmdline", "environ"]) {
      expect(readFileSync(`/proc/${server.pid}/${file}`, "utf8")).not.toContain("horse");
    }
    server.type("/quit");
    await server.exit();
    expect(server.stderr + server.lines.join("\n")).not.toContain("horse");
    for (const name of readdirSync(base)) {
      if (name.startsWith("secret.db") && !name.endsWith("-state")) {
        expect(readFileSync(join(base, name)).includes("horse")).toBe(false);
      }
    }
  });

  test("guesses are limited per network, not per connection", async () => {
    const { server, ports } = await start("--password-file", passwordFile);
    await using _ = server;
    let last = "";
    for (let i = 0; i < 20 && !last.includes('"rate"'); i++) {
      using eve = await Caller.from(abroad, ports.port);
      last = await eve.send(hello({ name: "Eve", serverPassword: `guess ${i}` })).ends();
    }
    expect(last).toContain('"code":"rate"');
    using right = await Caller.from(abroad, ports.port);
    expect(await right.send(hello({ name: "Eve", serverPassword: password })).ends()).toContain(
      "rate",
    );
    using ann = await Caller.from(home, ports.port);
    await ann.send(hello({ name: "Ann", serverPassword: password })).hears("welcome");
  });

  test("a missing or empty file is an error", async () => {
    const path = join(base, "none");
    const command = ["server", "--port", "0", "--no-web", "--password-file", path];
    const missing = await run(command);
    expect(missing).toMatchObject({ code: 2, err: expect.stringContaining("does not exist") });
    writeFileSync(path, "\n", { mode: 0o600 });
    const empty = await run(command);
    expect(empty).toMatchObject({ code: 2, err: expect.stringContaining("has no password") });
  });
});

describe("--members-only", () => {
  test("a pass for one person admits all programs of their device, whichever comes first", async () => {
    const { server, ports } = await start("--members-only", "--state", join(base, "one pass"));
    await using _ = server;
    server.type("/pass");
    const { code } = JSON.parse(await server.line(/"event":"pass"/)) as { code: string };
    const at = [`${home}:${ports.port}`, "--pass", code];
    const env = { XDG_CONFIG_HOME: join(base, "with pass") };
    const tab = { env: { ...env, PARLEY_FETCH_FILE_PASS: code } };
    expect(await run(["completions", "files", at[0]!], tab)).toMatchObject({ code: 0 });
    expect(await run(["fetch-file", ...at, "--list"], { env })).toMatchObject({ code: 0 });
    expect(await run(["client", ...at, "--name", "Bob"], { env })).toMatchObject({ code: 0 });
    expect(await run(["fetch-file", ...at, "--list"], { env })).toMatchObject({ code: 0 });
    const stranger = { XDG_CONFIG_HOME: join(base, "without pass") };
    expect(await run(["fetch-file", ...at, "--list"], { env: stranger })).toMatchObject({
      code: 4,
    });
  });

  test("a stranger learns nothing; a pass admits its holders, also after a restart", async () => {
    const state = join(base, "state");
    const secret = "Ann-0123456789abcdef";
    let pass = "";
    {
      const { server, ports } = await start("--members-only", "--state", state);
      await using _ = server;
      server.type("/pass");
      const row = JSON.parse(await server.line(/"event":"pass"/)) as { code: string };
      pass = row.code;
      using ann = await Caller.from(home, ports.port);
      ann.send(hello({ name: "Ann", secret, pass }));
      await ann.send('{"type":"say","n":1,"room":"lobby","text":"treasure"}\n').hears('"ack"');
      await expectNothing(ports);
      using eve = await Caller.from(elsewhere, ports.port);
      expect(await eve.send(hello({ name: "Eve", pass })).ends()).toContain("members-only");
      server.type("/pass --uses 2 --for 1h");
      const two = JSON.parse(await server.line(/"uses":2/)) as { code: string };
      const shown = ["client", `${home}:${ports.port}`, "--name", "Bob", "--pass", two.code];
      expect(await run(shown, { input: "hi" })).toMatchObject({ code: 0 });
      await ann.hears('"text":"hi"');
      server.type("/quit");
      await server.exit();
      expect(server.stderr).toMatch(/"message":"pass made","target":"#1"/);
      expect(server.stderr).not.toContain(pass);
    }
    expect(readFileSync(join(state, "state.db")).includes(pass)).toBe(false);
    const { server, ports } = await start("--members-only", "--state", state);
    await using _ = server;
    using eve = await Caller.from(abroad, ports.port);
    expect(await eve.send(hello({ name: "Eve", pass })).ends()).toContain("members-only");
    using ann = await Caller.from(home, ports.port);
    await ann.send(hello({ name: "Ann", secret, pass })).hears("welcome");
    const claim = readFileSync(join(state, "claim"), "utf8").trim();
    const owner = { env: { XDG_CONFIG_HOME: join(base, "owner") } };
    const admin = ["admin", `${home}:${ports.port}`];
    const wrong = await run([...admin, "claim", "wrong"], owner);
    const sentence = "This is not the claim of this server, or it has been used";
    expect(wrong).toMatchObject({ code: 4, err: expect.stringContaining(sentence) });
    expect(await run([...admin, "claim", claim], owner)).toMatchObject({ code: 0 });
    expect(await run([...admin, "passes"], owner)).toMatchObject({ code: 0 });
  });
});
