// `parley admin`: a new server is claimed, its owner appoints an operator, who moderates; strangers
// get nothing. The compiled program, over TLS if there is a non-loopback address.

import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { reachableHosts } from "../../src/io/host-port.ts";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { type Ended, run } from "./run.ts";
import { testFolder } from "../test-folder.ts";

setDefaultTimeout(180_000);

const base = testFolder("admin");
const files = join(base, "FILES");
beforeAll(() => mkdirSync(files));

const outside = reachableHosts("0.0.0.0").find((host) => host !== "127.0.0.1");
const testBeyond = skipUnless(outside !== undefined, "an address besides loopback is needed");

async function start(state: string, ...more: string[]) {
  const command = ["server", "--port", "0", "--no-web", "--json", "--files", files];
  const server = new Parley(...command, "--state", state, ...more);
  const ready = JSON.parse(await server.line(/"event":"listening"/)) as {
    port: number;
    pin: string;
  };
  return { server, ...ready };
}

function admin(person: string, address: string, ...words: string[]): Promise<Ended> {
  const env = { XDG_CONFIG_HOME: join(base, person) };
  return run(["admin", address, ...words], { env });
}

test("from the claim to a kick, and after a restart", async () => {
  const state = join(base, "state");
  const first = await start(state);
  const address = `127.0.0.1:${first.port}`;
  const claimFile = join(state, "claim");
  expect(statSync(claimFile).mode & 0o777).toBe(0o600);
  const code = readFileSync(claimFile, "utf8").trim();
  await first.server.says(claimFile);
  expect(first.server.stderr).not.toContain(code);

  expect(await admin("ann", address, "bans")).toMatchObject({ code: 4, out: "" });
  expect(await admin("ann", address, "claim", "a-guess")).toMatchObject({ code: 4 });
  expect(await admin("ann", address, "claim", code)).toMatchObject({
    code: 0,
    err: expect.stringContaining("You own this server now"),
  });
  expect(existsSync(claimFile)).toBe(false);
  expect(await admin("bob", address, "claim", code)).toMatchObject({ code: 4 });

  for (const text of ["one", "two", "three"]) {
    await run(["client", address, "--name", "Talker"], { input: text });
  }
  expect(await admin("ann", address, "delete", "lobby", "2")).toMatchObject({ code: 0 });
  const { out } = await admin("ann", address, "export", "lobby");
  const said = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
  expect(said).toMatchObject([
    { event: "message", seq: 1, from: "Talker", text: "one" },
    { seq: 2, text: "(deleted by an operator)", deleted: true },
    { seq: 3, text: "three" },
  ]);
  expect(await admin("bob", address, "export", "lobby")).toMatchObject({ code: 4, out: "" });

  await using eve = new Parley("client", address, "--name", "Eve", "--follow");
  await eve.says("Eve");
  const who = await admin("ann", address, "who", "--long");
  expect(who).toMatchObject({ code: 0, out: "Eve 127.0.0.1 native\n" });
  expect(await admin("bob", address, "kick", "Eve")).toMatchObject({ code: 4 });
  expect(await admin("ann", address, "kick", "Eve", "too", "loud")).toMatchObject({ code: 0 });
  expect(await eve.exit()).toBe(4);
  expect(eve.stderr).toContain("has removed you: too loud");
  expect(await admin("ann", address, "ban", "Eve", "--for", "1d")).toMatchObject({ code: 0 });
  const pass = await admin("ann", address, "pass", "--uses", "3", "--json");
  expect(JSON.parse(pass.out)).toMatchObject({
    event: "pass",
    uses: 3,
    used: 0,
    by: expect.any(String),
  });

  expect(await admin("ann", address, "stop")).toMatchObject({ code: 0 });
  expect(await first.server.exit()).toBe(0);
  expect(first.server.stderr).not.toContain(code);
  expect(first.server.stderr).toMatch(/"message":"kicked","target":"Eve"[^\n]*"by":/);

  const { server, port } = await start(state);
  await using _ = server;
  expect(existsSync(claimFile)).toBe(false);
  const bans = await admin("ann", `127.0.0.1:${port}`, "bans");
  expect(bans).toMatchObject({ code: 0, out: expect.stringContaining("the name eve until") });
});

testBeyond("beyond loopback: over TLS, with a key that is known, and never without", async () => {
  const { server, port, pin } = await start(join(base, "far"), "--host", "0.0.0.0", "--plain");
  await using _ = server;
  const code = readFileSync(join(base, "far", "claim"), "utf8").trim();
  const address = `${outside}:${port}`;
  const plain = await admin("ann", address, "bans", "--plain");
  expect(plain).toMatchObject({ code: 4, err: expect.stringContaining("need TLS") });
  const wrong = await admin("ann", `${address}#${"A".repeat(43)}`, "claim", code);
  expect(wrong).toMatchObject({ code: 6 });
  expect(await admin("ann", `${address}#${pin}`, "claim", code)).toMatchObject({ code: 0 });
  expect(await admin("ann", address, "bans")).toMatchObject({ code: 0 });
});

test("invalid arguments are reported before anything is sent", async () => {
  const nowhere = "127.0.0.1:1";
  for (const [words, sentence] of [
    [[], "Which command? parley admin help lists them"],
    [["kik", "Bob"], "did you mean kick?"],
    [["ban", "Bob", "--for", "soon"], "'soon' is not a term"],
  ] as const) {
    const { code, err } = await admin("ann", nowhere, ...words);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(sentence) });
  }
  const { code, err } = await admin("ann", nowhere, "bans");
  const sentence =
    "Cannot connect to 127.0.0.1:1: connection refused. Is parley server running there?";
  expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining(sentence) });
});

test("a first word that can only be an address is one, and the server of no other", async () => {
  for (const [word, sentence] of [
    ["", "'' is not an address: write HOST:PORT"],
    ["host:", "'host:' is not an address: write HOST:PORT"],
    ["[::1", "'[::1' is not an address: write HOST:PORT"],
    ["host:70000", "'host:70000' is not an address: write HOST:PORT"],
  ] as const) {
    const { code, err } = await admin("ann", word, "stop");
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(sentence) });
  }
  const { code, err } = await admin("ann", "parley.invalid", "bans");
  expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining("'parley.invalid'") });
});

test("a whole command in one word is no address", async () => {
  const { code, err } = await admin("ann", "ban Bob --for soon: 1.5 h");
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("is not a term") });
});

test("help lists the commands without a server", async () => {
  const nowhere = "127.0.0.1:1";
  const { code, out } = await admin("ann", nowhere, "help");
  expect(code).toBe(0);
  expect(out).toContain("kick NAME");
  const json = await admin("ann", nowhere, "help", "--json");
  const commands = json.out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  expect(commands).toContainEqual(
    expect.objectContaining({ event: "command", usage: expect.stringContaining("kick NAME") }),
  );
});
