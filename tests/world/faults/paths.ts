// Files from person to person between two homes behind NAT: directly if the routers allow it,
// relayed otherwise, and continued on another path when the current one dies; with IPv6 as well.

import assert from "node:assert/strict";
import { join } from "node:path";
import { hostPortText } from "../../../src/io/host-port.ts";
import { sha256OfFile, writeNoise } from "../bed/files.ts";
import { Home, type Machine, type Nat } from "../bed/home.ts";
import type { Namespace } from "../bed/namespace.ts";
import { type Host, Network } from "../bed/network.ts";
import { parley, type Process } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { chatPort, TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { until } from "../bed/wait.ts";
import { noteTime } from "../../times.ts";

type Event = { [field: string]: unknown; event: string };
type Place = { space: Namespace };

const env = { PARLEY_SEND_FILE_PLAIN: "1", PARLEY_CLIENT_PLAIN: "1" };

/** Ann sends `big` to Bob, who accepts it. */
class Handing {
  readonly #ann: Process;
  readonly #bob: Process;
  readonly #to: string;
  /** When each of Ann's events was first seen. */
  readonly #seenMs: number[] = [];
  readonly sha256: string;

  private constructor(ann: Process, bob: Process, to: string, sha256: string) {
    this.#ann = ann;
    this.#bob = bob;
    this.#to = to;
    this.sha256 = sha256;
  }

  static async start(
    scope: Scope,
    server: string,
    [ann, bob]: readonly [Place, Place],
    { mib, flags = [] }: { mib: number; flags?: readonly string[] },
  ): Promise<Handing> {
    const file = scope.folder("big");
    const sha256 = writeNoise(file, mib);
    const to = scope.folder("taken");
    const address = hostPortText({ host: server, port: chatPort });
    const words = ["client", address, "--name", "Bob", "--accept", to, "--follow", "--json"];
    const bobs = parley(scope, words, { space: bob.space, env });
    await bobs.says('"event":"online"');
    const more = ["send-file", address, file, "--to", "Bob", "--name", "Ann", "--json", ...flags];
    const anns = parley(scope, more, { space: ann.space, env });
    await anns.says('"event":"accepted"');
    return new Handing(anns, bobs, join(to, "big"), sha256);
  }

  get events(): Event[] {
    const lines = this.#ann.stdout.split("\n").slice(0, -1);
    while (this.#seenMs.length < lines.length) this.#seenMs.push(performance.now());
    return lines.map((line) => JSON.parse(line) as Event);
  }

  get output(): string {
    return `Ann ${this.#ann.output}\nBob ${this.#bob.output}`;
  }

  get verifiedBytes(): number {
    const progress = this.events.findLast(({ event }) => event === "progress");
    return Number(progress?.["verifiedBytes"] ?? 0);
  }

  /** The current path, such as `direct punched`. */
  get path(): string {
    const last = this.events.findLast(({ event }) => event === "path" || event === "interrupted");
    return last?.event === "path" ? [last["path"], last["via"]].join(" ").trim() : "server";
  }

  /** Milliseconds until that path is used. */
  async takes(path: string, limitMs = Number.POSITIVE_INFINITY): Promise<number> {
    const startedMs = performance.now();
    await until(
      () => this.path === path || this.#ann.hasEnded,
      () => `the path ${path}; ${this.output}`,
    );
    assert.equal(this.path, path, this.output);
    const tookMs = performance.now() - startedMs;
    noteTime(`the path ${path}`, tookMs, limitMs);
    return tookMs;
  }

  /** Milliseconds until more is verified than now. */
  async goesOn(): Promise<number> {
    const startedMs = performance.now();
    const before = this.verifiedBytes;
    await until(
      () => this.verifiedBytes > before || this.#ann.hasEnded,
      () => `more than ${before} bytes; ${this.output}`,
    );
    assert.ok(this.verifiedBytes > before, this.output);
    return performance.now() - startedMs;
  }

  /** Suspends the sender, for less time than the server takes to notice. */
  async sleep(ms: number): Promise<void> {
    this.#ann.signal("SIGSTOP");
    await Bun.sleep(ms);
    this.#ann.signal("SIGCONT");
  }

  /** Waits until the file has arrived unchanged; returns the last path. */
  async ends(): Promise<string> {
    assert.equal(await this.#ann.exit(), 0, this.output);
    assert.equal(sha256OfFile(this.#to), this.sha256, "the file");
    const sent = this.events.findLast(({ event }) => event === "sent");
    return [sent?.["path"], sent?.["via"]].join(" ").trim();
  }
}

type Bed = {
  network: Network;
  host: Host;
  server: string;
  homes: [Home, Home];
  machines: [Machine, Machine];
};

async function bed(scope: Scope, nats: [Nat, Nat], flags: readonly string[] = []): Promise<Bed> {
  const network = new Network(scope);
  const host = network.host("server");
  const homes: [Home, Home] = [
    new Home(scope, network, "homea", nats[0]),
    new Home(scope, network, "homeb", nats[1]),
  ];
  const isIpv6 = nats[0] === "ipv6";
  const listening = { address: isIpv6 ? "::" : "0.0.0.0", flags: ["--no-web", ...flags] };
  // From a global address, machines do not call a private one.
  const server = isIpv6 ? host.addGlobalAddress() : host.address();
  await TestServer.start(scope, host.space, listening);
  return {
    network,
    host,
    server,
    homes,
    machines: [homes[0].machine("ann"), homes[1].machine("bob")],
  };
}

const needs = ["network", "iptables"] as const;
const slowly = { mib: 24, flags: ["--limit-rate", "2M"] };

for (const nats of [
  ["cone", "cone"],
  ["symmetric", "symmetric"],
  ["cone", "symmetric"],
] as const) {
  const isDirect = nats.every((nat) => nat === "cone");
  const path = isDirect ? "direct punched" : "relayed";
  world(
    `between homes that are ${nats.join(" and ")} files go ${path}`,
    { needs },
    async (scope) => {
      const { host, machines } = await bed(scope, [...nats]);
      const handing = await Handing.start(scope, host.address(), machines, { mib: 16 });
      await handing.takes(path, 3_000);
      assert.equal(await handing.ends(), path);
    },
  );
}

world("in one home files go over its network", { needs }, async (scope) => {
  const { host, homes, machines } = await bed(scope, ["symmetric", "symmetric"]);
  const places = [machines[0], homes[0].machine("cal")] as const;
  const handing = await Handing.start(scope, host.address(), places, { mib: 16 });
  assert.equal(await handing.ends(), "direct lan");
});

const ipv6Needs = [...needs, "ip6tables"] as const;

world(
  "in one home with nothing but IPv6 files go over its network",
  { needs: ipv6Needs },
  async (scope) => {
    const { server, homes, machines } = await bed(scope, ["ipv6", "ipv6"]);
    const places = [machines[0], homes[0].machine("cal")] as const;
    const handing = await Handing.start(scope, server, places, { mib: 16 });
    assert.equal(await handing.ends(), "direct lan");
  },
);

world(
  "with IPv6 files pass two routers that let only answers in",
  { needs: ipv6Needs },
  async (scope) => {
    const { server, machines } = await bed(scope, ["ipv6", "ipv6"]);
    const handing = await Handing.start(scope, server, machines, { mib: 16 });
    await handing.takes("direct ipv6", 3_000);
    assert.equal(await handing.ends(), "direct ipv6");
  },
);

world(
  "with IPv6 files are relayed where no datagram gets through",
  { needs: ipv6Needs },
  async (scope) => {
    const { server, homes, machines } = await bed(scope, ["ipv6", "ipv6"]);
    homes[0].cut(homes[1].address, "-p", "udp");
    const handing = await Handing.start(scope, server, machines, { mib: 16 });
    assert.equal(await handing.ends(), "relayed");
  },
);

world("who tells no address gets files by the relay", { needs }, async (scope) => {
  const { host, machines } = await bed(scope, ["cone", "cone"]);
  const more = { mib: 16, flags: ["--no-direct"] };
  const handing = await Handing.start(scope, host.address(), machines, more);
  assert.equal(await handing.ends(), "relayed", handing.output);
  assert.ok(!handing.events.some((event) => event["path"] === "direct"));
});

world("without relay and direct path files go over the connections", { needs }, async (scope) => {
  const { host, machines } = await bed(scope, ["symmetric", "symmetric"], ["--relay", "0"]);
  const handing = await Handing.start(scope, host.address(), machines, { mib: 8 });
  assert.equal(await handing.ends(), "server");
});

world(
  "a direct path that dies in the middle is left, and used again later",
  { needs, slow: true },
  async (scope) => {
    const { host, homes, machines } = await bed(scope, ["cone", "cone"]);
    const more = { ...slowly, mib: 60 };
    const handing = await Handing.start(scope, host.address(), machines, more);
    await handing.takes("direct punched", 3_000);
    await handing.goesOn();
    homes[0].cut(homes[1].address);
    const leftMs = await handing.takes("relayed", 5_000);
    const goneOnMs = leftMs + (await handing.goesOn());
    noteTime("a step from a dead path to the relay", goneOnMs, 5_000);
    homes[0].restore(homes[1].address);
    await handing.takes("direct punched", 15_000);
    assert.equal(await handing.ends(), "direct punched");
  },
);

world(
  "when the relay dies in the middle, the connections to the server carry the rest",
  { needs, slow: true },
  async (scope) => {
    const { host, homes, machines } = await bed(scope, ["symmetric", "symmetric"]);
    const handing = await Handing.start(scope, host.address(), machines, slowly);
    await handing.takes("relayed", 3_000);
    await handing.goesOn();
    homes[0].cut(host.address(), "-p", "udp");
    await handing.takes("server", 5_000);
    noteTime("a step from a dead relay to the server", await handing.goesOn(), 7_000);
    assert.equal(await handing.ends(), "server");
  },
);

world(
  "a transfer goes on, and directly, when the sender has slept",
  { needs, slow: true },
  async (scope) => {
    const { host, machines } = await bed(scope, ["cone", "cone"]);
    const handing = await Handing.start(scope, host.address(), machines, slowly);
    await handing.takes("direct punched", 3_000);
    await handing.goesOn();
    await handing.sleep(12_000);
    // What was printed before may arrive now.
    await Bun.sleep(600);
    const goneOnMs = 600 + (await handing.goesOn());
    noteTime("on after sleep", goneOnMs, 5_000);
    assert.equal(await handing.ends(), "direct punched");
  },
);

for (const [who, which] of [
  ["the sender", 0],
  ["the recipient", 1],
] as const) {
  world(
    `a transfer goes on when ${who} moves to another network`,
    { needs, slow: true },
    async (scope) => {
      const { network, host, machines } = await bed(scope, ["cone", "cone"]);
      const other = new Home(scope, network, "cafe", "cone");
      const handing = await Handing.start(scope, host.address(), machines, slowly);
      await handing.takes("direct punched", 3_000);
      await handing.goesOn();
      machines[which].moveTo(other);
      // Events in flight may still arrive.
      await Bun.sleep(600);
      const goneOnMs = 600 + (await handing.goesOn());
      noteTime("on in another network", goneOnMs, 5_000);
      await handing.takes("direct punched", 5_000);
      assert.equal(await handing.ends(), "direct punched");
    },
  );
}
