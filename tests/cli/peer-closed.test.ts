// `parley peer` at servers that are not open to everybody, with the compiled programs: who has the
// password, a pass or a member's key is registered, finds others and is called; nobody else learns
// anything.

import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeBridge } from "../../src/cpp/codec.ts";
import type { Parley } from "../parley.ts";
import { testFolder } from "../test-folder.ts";
import { World } from "./peer-world.ts";
import { run } from "./run.ts";

setDefaultTimeout(180_000);

const base = testFolder("peer-closed");
const passwordFile = join(base, "password");
const wrongFile = join(base, "wrong");
beforeAll(() => {
  mkdirSync(base, { recursive: true });
  writeFileSync(passwordFile, "correct horse\n", { mode: 0o600 });
  writeFileSync(wrongFile, "a guess\n", { mode: 0o600 });
});

const password = ["--password-file", passwordFile];

/** The two say something to each other, and leave. */
async function expectChat(alice: Parley, bob: Parley): Promise<void> {
  bob.type("/bridge Alice", "/chat", "one");
  await alice.line("Bob> one");
  alice.type("two");
  await bob.line("Alice> two");
  bob.type("/quit");
  expect([await alice.exit(), await bob.exit()]).toEqual([0, 0]);
}

/** Everything that somebody finds out who asks for Alice with these flags. */
async function asksInVain(world: World, ...flags: string[]): Promise<string> {
  const eve = world.peer("Eve", "Eve", ...flags);
  eve.type("/register", "/bridge Alice", "/bridge");
  eve.endInput();
  expect(await eve.exit()).toBe(4);
  const said = eve.lines.join("\n");
  expect(said).not.toMatch(/Alice|WAIT MODE/);
  return said;
}

test("with the password two peers meet; without it nobody is registered or found", async () => {
  await using world = await new World(base).start(0, ...password);
  const alice = await world.waiting("Alice", "Alice", ...password);
  const missing = await asksInVain(world);
  const way = "This server asks for a password (give it by --password-file FILE";
  expect(missing).toContain(`Register failed: ${way}`);
  expect(missing).toContain(`Bridge request failed: ${way}`);
  expect(await asksInVain(world, "--password-file", wrongFile)).toContain("The password is wrong");
  expect(await world.ask(encodeBridge("Eve", "Alice"))).toBe(
    "password-required: This server asks for a password\n",
  );
  const bob = world.peer("Bob", "Bob", ...password);
  bob.type("/register");
  await expectChat(alice, bob);
  // The key came from the registry, and its owner has shown it.
  await bob.says("Protected by TLS. You did not know the key of Alice before");
});

test("inside TLS, and through the server", async () => {
  await using world = await new World(base).start(0, ...password);
  world.isPinned = true;
  const alice = await world.waiting("Alice", "Alice", ...password);
  const bob = world.peer("Bob", "Bob", ...password, "--no-direct", "--json");
  bob.type("/bridge Alice", "/chat", "hello");
  await alice.line("Bob> hello");
  expect(JSON.parse(await bob.line(/"event":"chat"/))).toMatchObject({ path: "relayed" });
  bob.type("/quit");
  expect([await alice.exit(), await bob.exit()]).toEqual([0, 0]);
});

test("an open server serves both ways at once", async () => {
  await using world = await new World(base).start();
  const alice = await world.waiting("Alice");
  await expectChat(alice, world.peer("Bob", "Bob", ...password));
});

test("members only: a pass for one person, also after the server is back; a member's key", async () => {
  await using world = await new World(base).start(0, "--members-only");
  const { code } = await world.order("/pass", "pass");
  const pass = ["--pass", String(code)];
  const bob = world.peer("Bob", "Bob", ...pass);
  bob.type("/register", "/id");
  await bob.line("Bob");
  expect(await asksInVain(world)).toContain("This server is for members only");
  expect(await asksInVain(world, ...pass)).toContain("The pass is not valid");
  await world.restart(world.port);
  // The owner of the server is a member.
  mkdirSync(world.path("Alice"), { recursive: true });
  const claim = readFileSync(world.path("state", "claim"), "utf8").trim();
  const identity = ["--identity", world.path("Alice", "identity")];
  const claimed = await run(["admin", `127.0.0.1:${world.port}`, "claim", claim, ...identity]);
  expect(claimed).toMatchObject({ code: 0 });
  const alice = await world.waiting("Alice");
  bob.type("/register");
  await bob.until(() => bob.stderr.split("Registered as Bob").length === 3, "another registration");
  await expectChat(alice, bob);
});
