// Signals end every command with the exit code that a shell expects, a last object that gives the
// reason, and nothing left behind.

import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { terminal } from "../../src/limits.ts";
import { Parley, parleyCommand } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";
import { environment } from "./run.ts";

setDefaultTimeout(180_000);

const base = testFolder("signals");
const temporary = join(base, "tmp");
mkdirSync(temporary);
let server: Parley;
let address: string;

beforeAll(async () => {
  const flags = ["--port=0", "--no-web", "--files", join(base, "none"), "--state", base];
  server = new Parley("server", ...flags);
  address = (await server.line(/^Server listening on /)).replace("Server listening on ", "");
});
afterAll(() => server[Symbol.asyncDispose]());

/** Sends `signals` once the command has printed its first object; `input`: all of its stdin. */
async function end(words: string[], signals: NodeJS.Signals[], input?: string) {
  const child = Bun.spawn([...parleyCommand(), ...words, "--json"], {
    stdin: input === undefined ? "pipe" : new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "ignore",
    env: environment({ TMPDIR: temporary, XDG_CONFIG_HOME: base }),
  });
  let out = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) out += decoder.decode(bytes, { stream: true });
  })();
  await until(() => out.includes("\n"));
  for (const signal of signals) child.kill(signal);
  const code = await child.exited;
  await reading;
  const last = JSON.parse(out.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
  return { code, event: last["event"], reason: last["code"] };
}

const onUnix = skipUnless(process.platform !== "win32", "no such signals on Windows");

const hungUp = { code: 129, reason: "hung-up" };
const terminated = { code: 143, reason: "terminated" };

onUnix("every command says why it has ended", async () => {
  const peer = ["peer", "--id=Ann", "--port=0", "--server", address];
  const ended = await Promise.all([
    end(["client", address, "--name", "Ann"], ["SIGHUP"]),
    end(["send-file", address, "/etc/hosts"], ["SIGHUP"]),
    end(["doctor", address], ["SIGHUP"]),
    end(["doctor", address], ["SIGTERM"]),
    end(peer, ["SIGHUP"]),
    end(peer, ["SIGTERM"]),
  ]);
  expect(ended).toEqual([
    { event: "ended", ...hungUp },
    { event: "ended", ...hungUp },
    { event: "ended", ...hungUp },
    { event: "ended", ...terminated },
    { event: "exit", ...hungUp },
    { event: "exit", ...terminated },
  ]);
});

onUnix("what came from stdin is not left behind when the terminal is closed", async () => {
  // Shell and kernel both send it.
  const ended = await end(["send-file", address, "-"], ["SIGHUP", "SIGHUP"], "a secret");
  expect(ended).toEqual({ event: "ended", ...hungUp });
  expect(readdirSync(temporary)).toEqual([]);
});

/** Whether what comes from stdin is kept, and all of it has come. */
function isSpooled(pid: number, text: string): boolean {
  const [folder] = readdirSync(temporary);
  const path = join(temporary, folder ?? "", "stdin");
  if (folder === undefined || statSync(path, { throwIfNoEntry: false })?.size !== text.length) {
    return false;
  }
  const open = readdirSync(`/proc/${pid}/fd`).map((fd) => linkAt(`/proc/${pid}/fd/${fd}`));
  return !open.includes(path);
}

function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

skipUnless(process.platform === "linux", "no /proc")(
  "nor by a signal before anything is sent",
  async () => {
    for (const to of [[], ["--to", "Nobody", "--name", "Sender"]]) {
      const child = Bun.spawn([...parleyCommand(), "send-file", address, "-", ...to, "--json"], {
        stdin: new TextEncoder().encode("a secret"),
        stdout: "pipe",
        stderr: "ignore",
        env: environment({ TMPDIR: temporary, XDG_CONFIG_HOME: base }),
      });
      await until(() => isSpooled(child.pid, "a secret"));
      child.kill("SIGTERM");
      expect(await child.exited).toBe(143);
      expect(readdirSync(temporary)).toEqual([]);
      expect(await new Response(child.stdout).text()).toContain('"code":"terminated"');
    }
  },
);

function isFull(pipe: number): boolean {
  try {
    return writeSync(pipe, Buffer.alloc(1)) === 0;
  } catch {
    return true;
  }
}

/** A pipe that accepts nothing more. */
function fullPipe(name: string) {
  const fifo = join(base, name);
  Bun.spawnSync(["mkfifo", fifo]);
  const unread = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  while (!isFull(unread));
  const stdout = openSync(fifo, "w");
  const close = (): void => [stdout, unread].forEach((fd) => closeSync(fd));
  return { stdout, close };
}

/** A command whose output nobody reads. */
function unread(name: string, words: string[], stdin: "pipe" | "ignore" = "ignore") {
  const pipe = fullPipe(name);
  const child = Bun.spawn([...parleyCommand(), ...words], {
    stdin,
    stdout: pipe.stdout,
    stderr: "pipe",
    env: environment({ TMPDIR: temporary, XDG_CONFIG_HOME: base }),
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  void child.exited.then(pipe.close);
  return child;
}

onUnix("senders whose output nobody reads end at the first signal", async () => {
  const folder = join(base, "hidden-too");
  mkdirSync(folder);
  for (const name of ["a.txt", ".hidden"]) writeFileSync(join(folder, name), "a");
  // Its first event is printed before it logs in.
  const words = ["send-file", address, folder, "--to", "Nobody", "--name", "Sender", "--json"];
  const sender = unread("of-sender", words);
  await server.says(/name=Sender/);
  sender.kill("SIGTERM");
  expect(await sender.exited).toBe(143);
  const coded = unread("of-code", ["send-file", address, folder]);
  const decoder = new TextDecoder();
  let said = "";
  for await (const bytes of coded.stderr) {
    said += decoder.decode(bytes, { stream: true });
    if (said.includes("Nobody else can read")) coded.kill("SIGTERM");
  }
  expect(await coded.exited).toBe(143);
});

onUnix("a fetch by code whose output nobody reads ends at the first signal", async () => {
  const file = join(base, "slow");
  writeFileSync(file, Buffer.alloc(1_000_000));
  const words = ["send-file", address, file, "--limit-rate", "10k", "--json"];
  await using sender = new Parley(...words);
  const { code } = JSON.parse(await sender.line(/"event":"code"/)) as { code: string };
  const flags = ["--code", code, "--json", "-o", join(base, "fetched")];
  const fetching = unread("of-fetch", ["fetch-file", address, ...flags]);
  await sender.line(/"event":"progress"/);
  fetching.kill("SIGTERM");
  expect(await fetching.exited).toBe(143);
});

/** Ends a command that is over, but for its output. */
async function endUnread(child: Bun.Subprocess): Promise<number> {
  const ending = setInterval(() => child.kill("SIGTERM"), 100);
  return await child.exited.finally(() => clearInterval(ending));
}

onUnix("commands that only wait for a reader can be ended", async () => {
  let left = Promise.withResolvers<void>();
  // Answers as a server of greetings does. As a registry it answers nothing.
  const old = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        if (!bytes.toString().includes("REGISTER")) socket.write("Hello\n");
      },
      close: () => left.resolve(),
    },
  });
  const to = `127.0.0.1:${old.port}`;
  const greeted = unread("of-greeting", ["classic", "greeting", to, "--tcp"]);
  await left.promise;
  expect(await endUnread(greeted)).toBe(143);
  left = Promise.withResolvers();
  const peer = unread(
    "of-peer",
    ["peer", "--id=Ann", "--port=0", "--server", to, "--json"],
    "pipe",
  );
  void peer.stdin?.write("/register\n/quit\n");
  void peer.stdin?.flush();
  await left.promise;
  expect(await endUnread(peer)).toBe(143);
  old.stop(true);
});

onUnix("a listing that nobody reads any further can be interrupted", async () => {
  const many = join(base, "many");
  mkdirSync(many);
  // More than pipes and our own queue hold.
  const bytes = 2 * terminal.maxDataBytes;
  for (let i = 0; i < bytes / 200; i++) writeFileSync(join(many, `${i}`.padStart(200, "f")), "");
  const flags = ["--port=0", "--no-web", "--files", many, "--state", base];
  await using listing = new Parley("server", ...flags);
  const to = (await listing.line(/^Server listening on /)).replace("Server listening on ", "");
  const fifo = join(base, "unread");
  Bun.spawnSync(["mkfifo", fifo]);
  const unread = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const stdout = openSync(fifo, "w");
  const child = Bun.spawn([...parleyCommand(), "fetch-file", to, "--list"], {
    stdout,
    stderr: "ignore",
    env: environment({ XDG_CONFIG_HOME: base }),
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  await until(() => isFull(unread));
  child.kill("SIGTERM");
  expect(await child.exited).toBe(143);
  closeSync(stdout);
  closeSync(unread);
});

const withZeros = skipUnless(existsSync("/dev/zero"), "no /dev/zero");

/** A command whose stdin has always more. */
function readingZeros(words: string[]) {
  const stdin = openSync("/dev/zero", "r");
  const child = Bun.spawn([...parleyCommand(), ...words], {
    stdin,
    stdout: "pipe",
    stderr: "pipe",
    env: environment({ TMPDIR: temporary }),
  });
  closeSync(stdin);
  return child;
}

withZeros("a server whose stdin has always more serves people, and stops", async () => {
  const flags = ["--port=0", "--no-web", "--files", join(base, "none"), "--state", base];
  const child = readingZeros(["server", ...flags]);
  const first = await child.stdout.getReader().read();
  const to = new TextDecoder().decode(first.value).trim().replace("Server listening on ", "");
  const said = Bun.spawn([...parleyCommand(), "client", to, "--name", "Ann"], {
    stdin: new TextEncoder().encode("hello\n"),
    stdout: "pipe",
    stderr: "ignore",
  });
  expect(await new Response(said.stdout).text()).toBe("Ann: hello\n");
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
});

withZeros("a file from stdin that has no end can be interrupted", async () => {
  const child = readingZeros(["send-file", address, "-"]);
  const size = () =>
    statSync(join(temporary, readdirSync(temporary)[0] ?? "", "stdin"), { throwIfNoEntry: false })
      ?.size ?? 0;
  await until(() => readdirSync(temporary).length > 0 && size() > 0, "the file of stdin");
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(readdirSync(temporary)).toEqual([]);
});

skipUnless(process.platform === "linux", "no /dev/full")(
  "a code that can't be printed is not waited for",
  () => {
    // With --json, what is left out of a folder is printed before the code.
    const folder = join(base, "with-hidden");
    mkdirSync(folder);
    for (const name of ["a.txt", ".hidden"]) writeFileSync(join(folder, name), "a");
    for (const words of [["/etc/hosts"], ["--json", folder]]) {
      const command = [...parleyCommand(), "send-file", address, ...words].join(" ");
      const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", `${command} >/dev/full`], {
        timeout: 20_000,
      });
      expect(stderr.toString()).toContain("The output can't be written");
      expect(exitCode).toBe(1);
    }
  },
);
