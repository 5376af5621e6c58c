// Calls of `parley peer` between two homes behind NAT, which can't connect to each other: through
// the server, and files over the best path.

import assert from "node:assert/strict";
import { join } from "node:path";
import { hostPortText } from "../../../src/io/host-port.ts";
import { calls } from "../../../src/limits.ts";
import { sha256OfFile, writeNoise } from "../bed/files.ts";
import { Home, type Machine, type Nat } from "../bed/home.ts";
import { Network } from "../bed/network.ts";
import { parley, type Process } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { chatPort, TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { until } from "../bed/wait.ts";

type Event = { [field: string]: unknown; event: string };

function peer(scope: Scope, id: string, machine: Machine, server: string): Process {
  const folder = scope.folder(id);
  const env = { PARLEY_PEER_PLAIN: "0", XDG_CONFIG_HOME: join(folder, "config") };
  const place = ["--port", "0", "--server", hostPortText({ host: server, port: chatPort })];
  const words = ["peer", "--id", id, ...place, "--downloads", folder, "--json"];
  return parley(scope, words, { space: machine.space, env });
}

function eventsOf({ stdout }: Process): Event[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event);
}

/** Waits for such an event. */
async function told(
  of: Process,
  name: string,
  fields: object = {},
  timeoutMs?: number,
): Promise<Event> {
  const fits = (event: Event): boolean =>
    event.event === name && Object.entries(fields).every(([field, is]) => event[field] === is);
  await until(
    () => eventsOf(of).some(fits) || of.hasEnded,
    () => `${name} ${JSON.stringify(fields)}; ${of.output}`,
    timeoutMs,
  );
  const found = eventsOf(of).find(fits);
  assert.ok(found, of.output);
  return found;
}

async function beds(scope: Scope, nat: Nat, flags: readonly string[]) {
  const network = new Network(scope);
  const host = network.host("server");
  const homes = ["homea", "homeb"].map((name) => new Home(scope, network, name, nat));
  await TestServer.start(scope, host.space, { flags: ["--no-web", ...flags] });
  const [ann, bob] = homes.map((home, i) => home.machine(i === 0 ? "ann" : "bob"));
  return { server: host.address(), homes, ann: ann!, bob: bob! };
}

/** Bob calls Alice, who waits. */
async function call(scope: Scope, { server, ann, bob }: Awaited<ReturnType<typeof beds>>) {
  const alice = peer(scope, "Alice", ann, server);
  alice.type("/register\n/bridge\n");
  await told(alice, "waiting");
  const bobs = peer(scope, "Bob", bob, server);
  bobs.type("/register\n/bridge Alice\n/chat\n");
  const startedMs = performance.now();
  assert.equal((await told(bobs, "chat"))["path"], "relayed", bobs.output);
  console.log(`      a call after ${Math.round(performance.now() - startedMs)} ms`);
  await told(alice, "chat", { path: "relayed" });
  return { alice, bob: bobs };
}

for (const nat of ["cone", "symmetric"] as const) {
  const path = nat === "cone" ? "direct" : "relayed";
  world(
    `peers behind ${nat} NATs call each other, and files go ${path}`,
    { needs: ["network", "iptables"] },
    async (scope) => {
      const { alice, bob } = await call(scope, await beds(scope, nat, []));
      bob.type("one\ntwo\n");
      await told(alice, "message", { text: "two" });
      alice.type("three\n");
      await told(bob, "message", { text: "three" });
      const file = scope.folder("big");
      const sha256 = writeNoise(file, 16);
      bob.type(`/send ${file}\n`);
      await told(alice, "offer-received");
      alice.type("/get 1\n");
      await told(alice, "received", { path });
      await told(bob, "sent", { path });
      assert.equal(sha256OfFile(join(scope.folder("Alice"), "big")), sha256);
      alice.type("four\n");
      await told(bob, "message", { text: "four" });
      bob.type("/quit\n");
      assert.deepEqual([await alice.exit(), await bob.exit()], [0, 0]);
    },
  );
}

world(
  "a call finds a direct path, needs no server meanwhile, and leaves the path when it dies",
  { needs: ["network", "iptables"] },
  async (scope) => {
    const places = await beds(scope, "cone", []);
    const { alice, bob } = await call(scope, places);
    for (const peer of [alice, bob]) await told(peer, "path", { path: "direct", via: "punched" });
    const [one, other] = places.homes;
    one!.cut(places.server, "-p", "tcp");
    bob.type("without the server\n");
    await told(alice, "message", { text: "without the server" });
    alice.type("nor back\n");
    await told(bob, "message", { text: "nor back" });
    one!.restore(places.server, "-p", "tcp");
    one!.cut(other!.address);
    const startedMs = performance.now();
    bob.type("around\n");
    await told(alice, "message", { text: "around" });
    console.log(`      around after ${Math.round(performance.now() - startedMs)} ms`);
    for (const peer of [alice, bob]) await told(peer, "path", { path: "relayed" });
    alice.type("as ever\n");
    await told(bob, "message", { text: "as ever" });
    bob.type("/quit\n");
    assert.deepEqual([await alice.exit(), await bob.exit()], [0, 0]);
  },
);

world(
  "a file goes on where it was after a relayed call has broken off",
  { needs: ["network", "iptables"], slow: true },
  async (scope) => {
    // Slow enough to be broken off in the middle.
    const places = await beds(scope, "symmetric", ["--relay", "2M"]);
    const file = scope.folder("big");
    const sha256 = writeNoise(file, 8);
    const first = await call(scope, places);
    first.bob.type(`/send ${file}\n`);
    await told(first.alice, "offer-received");
    first.alice.type("/get 1\n");
    await until(
      () => eventsOf(first.bob).some(({ verifiedBytes }) => Number(verifiedBytes) > 1_000_000),
      () => `1 MB; ${first.bob.output}`,
      60_000,
    );
    await first.bob.kill();
    await told(first.alice, "server", { state: "lost" });
    await told(first.alice, "server", { state: "gone" }, calls.waitMs + 30_000);
    await told(first.alice, "ended", { by: "lost" });
    const again = await call(scope, places);
    assert.equal((await told(again.bob, "chat"))["secured"], "known");
    again.bob.type(`/send ${file}\n`);
    await told(again.alice, "offer-received");
    again.alice.type("/get 1\n");
    const { resumedBytes } = await told(again.alice, "offer");
    assert.ok(Number(resumedBytes) > 1_000_000, again.alice.output);
    await told(again.bob, "sent", { path: "relayed" });
    assert.equal(sha256OfFile(join(scope.folder("Alice"), "big")), sha256);
  },
);
