// `--name` of commands that are in no room: who the user is counts, but nobody sees them come, no
// session of theirs ends, and their mail waits for the client. The compiled programs.

import { beforeAll, expect, setDefaultTimeout } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { Caller } from "./caller.ts";
import { run, runOnTerminal } from "./run.ts";

setDefaultTimeout(180_000);

const test = skipUnless(process.platform === "linux", "needs 127.0.0.2");
const base = testFolder("visitors");
const password = "correct horse";
const passwordFile = join(base, "password");
const wrongFile = join(base, "wrong");
const proof = ["--name", "Ann", "--password-file", passwordFile];

beforeAll(() => {
  mkdirSync(join(base, "files"));
  writeFileSync(join(base, "files", "plan.txt"), "the plan\n");
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  writeFileSync(wrongFile, "a guess\n", { mode: 0o600 });
});

async function start(
  ...more: string[]
): Promise<{ server: Parley; port: number; address: string }> {
  const flags = ["--files", join(base, "files"), "--port", "0", "--no-web", "--json"];
  const server = new Parley("server", ...flags, ...more);
  const { port } = JSON.parse(await server.line(/"listening"/)) as { port: number };
  return { server, port, address: `127.0.0.1:${port}` };
}

const env = (person: string) => ({ XDG_CONFIG_HOME: join(base, person), NO_COLOR: "1" });
const hello = (fields: object) => `${JSON.stringify({ type: "hello", version: 2, ...fields })}\n`;

/** Registers Ann by her password, from the page or an old client. */
async function registerAnn(port: number): Promise<void> {
  using ann = await Caller.from("127.0.0.1", port);
  const register = JSON.stringify({ type: "register", password, ref: 1 });
  await ann.send(`${hello({ name: "Ann" })}${register}\n`).hears('"registered"');
  await ann.send('{"type":"bye"}\n').ends();
}

test("neither takes mail, nor ends a session, nor is seen in the room", async () => {
  const { server, port, address } = await start("--state", join(base, "seen"));
  await using _ = server;
  await registerAnn(port);
  server.type("/op Ann");
  await server.says("operator made");
  const sent = await run(["client", address, "--name", "Bob", "--to", "Ann"], { input: "for Ann" });
  expect(sent.code).toBe(0);
  using watcher = await Caller.from("127.0.0.1", port);
  await watcher.send(hello({ name: "Bob" })).hears('"welcome"');

  const path = join(base, "plan.txt");
  const visits = async (): Promise<void> => {
    const fetched = await run(["fetch-file", address, "plan.txt", "-o", path, "--force", ...proof]);
    expect(fetched).toMatchObject({ code: 0 });
    expect(await run(["admin", address, "bans", ...proof])).toMatchObject({ code: 0 });
  };
  await visits();
  await using ann = new Parley("client", address, ...proof, "--follow", "--json");
  expect(JSON.parse(await ann.line(/"event":"private"/))).toMatchObject({ text: "for Ann" });
  await visits();
  watcher.send('{"type":"tell","n":1,"to":["Ann"],"text":"still there"}\n');
  await ann.line(/still there/);
  watcher.send('{"type":"bye"}\n');
  const seen = (await watcher.ends()).split("\n").filter((line) => /"joined"|"left"/.test(line));
  expect(seen.filter((line) => !line.includes('"Bob"'))).toEqual([
    expect.stringContaining('"joined","room":"lobby","name":"Ann"'),
  ]);
  await server.says(/"message":"signed in","name":"Ann"/);
});

test("a registered name is proved, whoever asks and for whatever", async () => {
  const { server, port, address } = await start("--state", join(base, "proved"));
  await using _ = server;
  await registerAnn(port);
  const list = (...flags: string[]) => run(["fetch-file", address, "--list", ...flags]);
  const bans = (...flags: string[]) => run(["admin", address, "bans", ...flags]);
  for (const command of [list, bans]) {
    const bare = await command("--name", "Ann");
    const way = expect.stringMatching(/'Ann' is registered[^]*--password-file/);
    expect(bare).toMatchObject({ code: 4, out: "", err: way });
    const wrong = await command("--name", "Ann", "--password-file", wrongFile);
    const guess = expect.stringContaining("This is not the password of 'Ann'");
    expect(wrong).toMatchObject({ code: 4, out: "", err: guess });
    expect(await command("-n", "no name!")).toMatchObject({ code: 2, out: "" });
    expect(await command("--name", "Ann", "--plain")).toMatchObject({ code: 4 });
  }
  // A name that is not registered proves nothing.
  expect(await list("--name", "Eve")).toMatchObject({
    code: 0,
    out: expect.stringContaining("plan.txt"),
  });
  expect(await bans("--name", "Eve")).toMatchObject({ code: 4, out: "" });
  const { code, shown } = await runOnTerminal(["fetch-file", address, "--list", "--name", "Ann"], {
    env: env("elsewhere"),
    steps: [["Password of the name Ann", (child) => child.type(`${password}\r`)]],
  });
  expect(code).toBe(0);
  expect(shown).toContain("plan.txt");
  expect(shown).not.toContain(password);
});

test("the owner of a banned name is out without a name, too", async () => {
  const { server, address } = await start("--state", join(base, "banned"));
  await using _ = server;
  const config = { env: env("banned-ann") };
  const registered = await runOnTerminal(["client", address, "--name", "Ann"], {
    ...config,
    steps: [
      ["You are Ann", (child) => child.type("/register\r")],
      ["is yours", (child) => child.type("\u0004")],
    ],
  });
  expect(registered.code).toBe(0);
  const list = () => run(["fetch-file", address, "--list"], config);
  expect(await list()).toMatchObject({ code: 0 });
  server.type("/ban Ann");
  await server.says('"message":"banned"');
  const refused = expect.stringContaining("You are banned from this server");
  expect(await list()).toMatchObject({ code: 4, out: "", err: refused });
  const named = await run(["fetch-file", address, "--list", "--name", "Ann"], config);
  expect(named).toMatchObject({ code: 4, out: "", err: refused });
  // Nothing tells who this is.
  expect(await run(["fetch-file", address, "--list"])).toMatchObject({ code: 0 });
});

test("members only: the password of a name is enough, for peers too", async () => {
  const state = join(base, "members");
  const open = await start("--state", state);
  await registerAnn(open.port);
  await open.server[Symbol.asyncDispose]();
  const { server, address } = await start("--state", state, "--members-only");
  await using _ = server;
  const list = (...flags: string[]) => run(["fetch-file", address, "--list", ...flags]);
  expect(await list(...proof)).toMatchObject({ code: 0, out: expect.stringContaining("plan.txt") });
  expect(await list("--name", "Ann")).toMatchObject({ code: 4, out: "" });
  expect(await list("--name", "Eve", "--password-file", passwordFile)).toMatchObject({ code: 4 });
  const peer = new Parley("peer", "--id", "Ann", "--port", "0", "--server", address, ...proof);
  await using ann = peer;
  // Not with the same read: who leaves waits only a second for an answer.
  ann.type("/register");
  await ann.says("Registered as Ann");
  ann.type("/quit");
  expect(await ann.exit()).toBe(0);
  const sent = new Parley("send-file", address, join(base, "files/plan.txt"), "--json", ...proof);
  await using sender = sent;
  const { code } = JSON.parse(await sender.line(/"event":"code"/)) as { code: string };
  const into = join(base, "got");
  const got = await run(["fetch-file", address, "--code", code, "-o", `${into}/`, ...proof]);
  expect(got).toMatchObject({ code: 0 });
  expect(await sender.exit()).toBe(0);
});
