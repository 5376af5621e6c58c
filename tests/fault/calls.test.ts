// Calls of `parley peer` through a server, with the compiled programs: the connections to it are
// cut at either end, and it is killed; the call goes on, and nothing is lost or doubled.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hide, World } from "../cli/peer-world.ts";
import { noise } from "../noise.ts";
import type { Parley } from "../parley.ts";
import { testFolder } from "../test-folder.ts";
import { CuttingProxy } from "./proxy.ts";
import { chance } from "./talker.ts";

const base = testFolder("fault-calls");
const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);

/** Each of the two is connected to the server through a proxy of its own. */
class Call implements AsyncDisposable {
  readonly world = new World(base);
  readonly #proxies: CuttingProxy[] = [];
  #alice: Parley | undefined;
  #bob: Parley | undefined;
  serverPort = 0;

  /**
   * Bob calls Alice. `budget`: how many bytes a connection carries before it is cut. The server is
   * in this process, unless it was started before.
   */
  async start(budget: () => number, flags: readonly string[] = []): Promise<this> {
    if (this.world.port === 0) await this.world.startHere(...flags);
    this.serverPort = this.world.port;
    for (let n = 0; n < 2; n++) {
      const proxy = new CuttingProxy(this.serverPort, budget);
      proxy.cutting = false;
      this.#proxies.push(proxy);
    }
    this.world.isPinned = true;
    this.world.port = this.proxies[0].port;
    const own = ["--no-direct", "--json"];
    this.#alice = await this.world.waiting("Alice", "Alice", ...own);
    this.world.port = this.serverPort;
    await hide(this.world);
    this.world.port = this.proxies[1].port;
    this.#bob = this.world.peer("Bob", "Bob", ...own);
    this.bob.type("/bridge Alice", "/chat");
    await this.bob.line(/"event":"chat".*"path":"relayed"/);
    await this.alice.line(/"event":"chat".*"path":"relayed"/);
    return this;
  }

  get proxies(): readonly [CuttingProxy, CuttingProxy] {
    const [one, other] = this.#proxies;
    if (one === undefined || other === undefined) throw new Error("not started");
    return [one, other];
  }

  get alice(): Parley {
    if (this.#alice === undefined) throw new Error("not started");
    return this.#alice;
  }

  get bob(): Parley {
    if (this.#bob === undefined) throw new Error("not started");
    return this.#bob;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies) proxy.cutting = false;
    await this.world[Symbol.asyncDispose]();
    for (const proxy of this.#proxies) proxy[Symbol.dispose]();
  }
}

const texts = ({ lines }: Parley): string[] =>
  lines
    .map((line) => JSON.parse(line) as { event: string; text?: string })
    .filter(({ event }) => event === "message")
    .map(({ text = "" }) => text);

async function hears(peer: Parley, wanted: readonly string[]): Promise<void> {
  await peer.until(() => texts(peer).length >= wanted.length, `${wanted.length} lines`);
  expect(texts(peer)).toEqual([...wanted]);
}

const back = /"event":"server","state":"back"/;

test("a call goes on when the connection of either end to the server, or of both, was cut", async () => {
  await using call = await new Call().start(() => Infinity);
  const { alice, bob, proxies } = call;
  const [toAlice, toBob]: string[][] = [[], []];
  for (const [round, cut] of [[proxies[0]], [proxies[1]], proxies].entries()) {
    for (const proxy of cut) proxy.cutAll();
    // Some of it is said before anybody has noticed, some before the call goes on, some afterwards.
    for (const when of ["at once", "meanwhile", "afterwards"]) {
      toAlice!.push(`${round} ${when} to Alice`);
      toBob!.push(`${round} ${when} to Bob`);
      bob.type(toAlice!.at(-1)!);
      alice.type(toBob!.at(-1)!);
      if (when === "at once") {
        const lost = /"event":"server","state":"lost"/;
        for (const peer of [alice, bob]) await peer.line(lost, round + 1);
      } else if (when === "meanwhile") {
        for (const peer of [alice, bob]) await peer.line(back, round + 1);
      }
    }
    await hears(alice, toAlice!);
    await hears(bob, toBob!);
  }
  bob.type("/quit");
  expect([await alice.exit(), await bob.exit()]).toEqual([0, 0]);
});

test(`a call goes on after cuts at any byte, in both directions (FAULT_SEED=${seed})`, async () => {
  const random = chance(seed);
  await using call = await new Call().start(() => Math.floor(3_000 * 10 ** (2 * random())));
  const { alice, bob, proxies } = call;
  for (const proxy of proxies) proxy.cutting = true;
  const [toAlice, toBob]: string[][] = [[], []];
  const cuts = (): number => proxies[0].cuts + proxies[1].cuts;
  for (let n = 0; cuts() < 8 && n < 20_000; n++) {
    toAlice!.push(line(n, "Alice"));
    toBob!.push(line(n, "Bob"));
    bob.type(toAlice!.at(-1)!);
    alice.type(toBob!.at(-1)!);
    // As fast as it is heard, so that the cuts come at all stages.
    if (n % 20 === 19) await alice.until(() => texts(alice).length > n - 60, `line ${n - 60}`);
  }
  for (const proxy of proxies) proxy.cutting = false;
  await hears(alice, toAlice!);
  await hears(bob, toBob!);
  expect(cuts()).toBeGreaterThanOrEqual(8);
});

test("the end of the input waits until everything has arrived over the next connection", async () => {
  await using call = await new Call().start(() => Infinity);
  const { alice, bob, proxies } = call;
  bob.type("hello");
  await hears(alice, ["hello"]);
  proxies[1].cutAll();
  const lines = Array.from({ length: 500 }, (_, n) => `${n} ${"x".repeat(500)}`);
  bob.type(...lines);
  bob.endInput();
  expect(await bob.exit()).toBe(0);
  expect(await alice.exit()).toBe(0);
  expect(texts(alice)).toEqual(["hello", ...lines]);
});

test("a call survives the server", async () => {
  await using call = new Call();
  await call.world.start();
  await call.start(() => Infinity);
  const { alice, bob, world } = call;
  bob.type("before");
  await hears(alice, ["before"]);
  await world.restart(call.serverPort);
  bob.type("after");
  alice.type("and back");
  await hears(alice, ["before", "after"]);
  await hears(bob, ["and back"]);
  bob.type("/quit");
  expect([await alice.exit(), await bob.exit()]).toEqual([0, 0]);
});

test("a call with a program that was killed ends once that is known, and both are told", async () => {
  await using call = await new Call().start(() => Infinity);
  const { alice, bob, world, proxies } = call;
  alice.signal("SIGKILL");
  await alice.exit();
  await bob.line(/"event":"server","state":"lost"/);
  // The same peer again, which knows of no call.
  world.port = proxies[0].port;
  const again = await world.waiting("Alice", "Alice", "--no-direct", "--json");
  await bob.line(/"event":"server","state":"gone"/);
  await bob.line(/"event":"ended","by":"lost"/);
  expect(await bob.exit()).toBe(0);
  expect(again.lines.at(-1)).toContain('"event":"waiting"');
});

const line = (n: number, to: string): string => `${n} to ${to} ${"x".repeat(1 + ((n * 37) % 900))}`;

/** Bob sends a file to Alice, who takes it. */
async function send({ alice, bob, world }: Call, bytes: number): Promise<Buffer> {
  const path = join(world.folder, "a.bin");
  const content = Buffer.from(noise(bytes));
  writeFileSync(path, content);
  bob.type(`/send ${path}`);
  await alice.line(/"offer-received"/);
  alice.type("/get 1");
  return content;
}

async function isReceived({ alice, bob, world }: Call, content: Buffer): Promise<void> {
  await alice.line(/"event":"received","id":1.*"failed":0/);
  await bob.line(/"event":"sent"/);
  expect(readFileSync(world.path("Alice", "a.bin")).equals(content)).toBe(true);
}

test("a file that takes the relay goes on over the next one when a connection was cut", async () => {
  // Slow enough to be cut in the middle.
  await using call = await new Call().start(() => Infinity, ["--relay", "1M"]);
  const { alice, bob, proxies } = call;
  const content = await send(call, 6_000_000);
  for (const [round, proxy] of proxies.entries()) {
    await bob.line(new RegExp(`"event":"progress".*"verifiedBytes":[${2 * round + 1}-5]\\d{6}`));
    proxy.cutAll();
    for (const peer of [alice, bob]) await peer.line(back, round + 1);
  }
  await isReceived(call, content);
  await bob.line(/"event":"path".*"path":"relayed"/, 3);
});

test("a file that takes the call itself is received whole while connections are cut", async () => {
  const random = chance(seed + 1);
  const budget = (): number => Math.floor(150_000 * (1 + 2 * random()));
  await using call = await new Call().start(budget, ["--relay", "0"]);
  const { alice, bob, proxies } = call;
  for (const proxy of proxies) proxy.cutting = true;
  await isReceived(call, await send(call, 1_000_000));
  expect(proxies[0].cuts + proxies[1].cuts).toBeGreaterThan(3);
  for (const proxy of proxies) proxy.cutting = false;
  bob.type("and a word");
  await hears(alice, ["and a word"]);
});
