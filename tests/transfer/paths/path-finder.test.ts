// Two ends find the best path between them through realistic routers, stay on it together, and
// leave it when it dies: in virtual time, from seeds. A third party on the path, or at an address
// that is not an end's, gains nothing.

import { describe, expect, test } from "bun:test";
import { createHmac, randomBytes } from "node:crypto";
import { paths as limits } from "../../../src/limits.ts";
import {
  PathFinder,
  type PathKind,
  relayRoute,
  type Route,
} from "../../../src/transfer/paths/path-finder.ts";
import {
  nonceBytes,
  probeBytes,
  readProbe,
  writeProbe,
} from "../../../src/transfer/paths/path-wire.ts";
import { type Random, seeded } from "../../sim/random.ts";
import { Timeline } from "../../sim/network.ts";

const hashBy = (key: string) => (message: Uint8Array) =>
  createHmac("sha256", key).update(message).digest();
const secondUs = 1_000_000;

type Nat = "none" | "cone" | "symmetric";
const textOf = ({ address, port }: Route): string => `${address}:${port}`;

/** An end behind its router, which only accepts answers (address- and port-dependent filtering). */
class End {
  readonly finder: PathFinder;
  /** Places by destination, and the addresses that each place has sent to. */
  readonly #places = new Map<string, { port: number; sentTo: Set<string> }>();
  #nextPort = 20_000;
  history: { atUs: number; kind: PathKind | undefined }[] = [];
  sentTo = new Map<string, number>();

  constructor(
    readonly inner: Route,
    readonly outer: string,
    readonly nat: Nat,
    isChooser: boolean,
    readonly lan: string,
  ) {
    const [own, other] = isChooser ? ["r", "s"] : ["s", "r"];
    this.finder = new PathFinder({
      isChooser,
      ownHash: hashBy(own),
      otherHash: hashBy(other),
      newNonce: () => new Uint8Array(randomBytes(nonceBytes)),
      kindOf: ({ address }) => (address.startsWith("10.") ? "lan" : "punched"),
    });
  }

  /** The apparent source of a datagram to this address. */
  placeFor(to: Route): Route {
    if (this.nat === "none") return { address: this.outer, port: this.inner.port };
    const key = this.nat === "cone" ? "" : textOf(to);
    let place = this.#places.get(key);
    if (place === undefined) {
      this.#places.set(key, (place = { port: this.#nextPort++, sentTo: new Set() }));
    }
    place.sentTo.add(textOf(to));
    return { address: this.outer, port: place.port };
  }

  /** Whether the router, or the lack of one, accepts datagrams from this address. */
  letsIn(from: Route, port: number): boolean {
    if (this.nat === "none") return port === this.inner.port;
    for (const place of this.#places.values()) {
      if (place.port === port && place.sentTo.has(textOf(from))) return true;
    }
    return false;
  }

  /** The address that a server elsewhere sees and reports. */
  get reflexive(): Route {
    return this.placeFor({ address: "203.0.113.1", port: 55_000 });
  }
}

interface WorldOptions {
  nats: [Nat, Nat];
  isSameLan?: boolean;
  hasRelay?: boolean;
  loss?: number;
  delayUs?: number;
  seed?: number;
}

class World {
  readonly timeline = new Timeline();
  readonly ends: [End, End];
  readonly random: Random;
  /** Paths that no longer carry anything. */
  readonly dead = new Set<string>();
  /** Sees all datagrams, and may send its own. */
  spy: (bytes: Uint8Array, to: Route, from: End) => void = () => {};
  /** Sees the datagrams that arrive. */
  arrived: (bytes: Uint8Array) => void = () => {};
  readonly #options: WorldOptions;
  readonly #timers = new Map<End, number>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = seeded(options.seed ?? 1);
    const [a, b] = options.nats;
    const lans = options.isSameLan === true ? ["x", "x"] : ["x", "y"];
    this.ends = [
      new End({ address: "10.0.0.1", port: 4_001 }, "198.51.100.1", a, true, lans[0]!),
      new End({ address: "10.0.0.2", port: 4_002 }, "198.51.100.2", b, false, lans[1]!),
    ];
    for (const [one, other] of [this.ends, [...this.ends].reverse()] as [End, End][]) {
      one.finder.add({ route: other.inner, kind: "lan" }, 0);
      one.finder.add({ route: other.reflexive, kind: "punched" }, 0);
      if (options.hasRelay !== false) one.finder.add({ route: relayRoute, kind: "relayed" }, 0);
    }
    for (const end of this.ends) this.turn(end);
  }

  other(end: End): End {
    return this.ends[0] === end ? this.ends[1] : this.ends[0];
  }

  turn(end: End): void {
    const { timeline } = this;
    const bytes = new Uint8Array(100);
    for (let left = 100; ; left--) {
      const route = end.finder.pollTransmit(bytes, timeline.nowUs);
      if (route === undefined) break;
      if (left === 0) throw new Error("it never stops");
      const key = textOf(route);
      end.sentTo.set(key, (end.sentTo.get(key) ?? 0) + 1);
      this.send(bytes.slice(0, probeBytes), route, end);
    }
    const kind = end.finder.path?.kind;
    if (end.history.at(-1)?.kind !== kind) end.history.push({ atUs: timeline.nowUs, kind });
    const dueUs = end.finder.nextTimeoutUs(timeline.nowUs);
    if (dueUs === Infinity || (this.#timers.get(end) ?? Infinity) <= dueUs) return;
    this.#timers.set(end, dueUs);
    timeline.at(dueUs, () => {
      if (this.#timers.get(end) !== dueUs) return;
      this.#timers.delete(end);
      this.turn(end);
    });
  }

  send(bytes: Uint8Array, to: Route, from: End): void {
    this.spy(bytes, to, from);
    const other = this.other(from);
    const kind = this.#kindOf(to, from);
    const source =
      kind === "relayed" ? relayRoute : kind === "lan" ? from.inner : from.placeFor(to);
    const isThere =
      kind === "relayed" ||
      (kind === "lan" && other.lan === from.lan) ||
      (to.address === other.outer && other.letsIn(source, to.port));
    const { loss = 0, delayUs = 20_000 } = this.#options;
    if (!isThere || this.dead.has(kind) || this.random() < loss) return;
    // In time or not: a router that opens while a datagram is in flight may let it in.
    const travelUs = kind === "lan" ? 300 : kind === "relayed" ? 2 * delayUs : delayUs;
    this.timeline.at(this.timeline.nowUs + travelUs, () => this.deliver(bytes, source, other));
  }

  deliver(bytes: Uint8Array, from: Route, to: End): boolean {
    const { nowUs } = this.timeline;
    this.arrived(bytes);
    const isTaken = to.finder.handleProbe(bytes, 0, bytes.length, from, nowUs);
    this.turn(to);
    return isTaken;
  }

  runUntil(us: number): void {
    this.timeline.at(us, () => {});
    while (this.timeline.nowUs < us && this.timeline.step()) {
      if (this.timeline.steps > 100_000) throw new Error("too many steps");
    }
  }

  get kinds(): (PathKind | undefined)[] {
    return this.ends.map(({ finder }) => finder.path?.kind);
  }

  #kindOf(to: Route, from: End): PathKind {
    if (to === relayRoute) return "relayed";
    return to.address === this.other(from).inner.address ? "lan" : "punched";
  }
}

describe("the path that is found", () => {
  const cases: [string, WorldOptions, PathKind, number][] = [
    ["on one network", { nats: ["cone", "cone"], isSameLan: true }, "lan", 50_000],
    ["of two cones", { nats: ["cone", "cone"] }, "punched", 500_000],
    ["of a cone and nothing", { nats: ["cone", "none"] }, "punched", 500_000],
    ["of a symmetric router and nothing", { nats: ["symmetric", "none"] }, "punched", 500_000],
    ["of nothing and a symmetric router", { nats: ["none", "symmetric"] }, "punched", 500_000],
    ["of two symmetric routers", { nats: ["symmetric", "symmetric"] }, "relayed", 200_000],
    ["of a cone and a symmetric router", { nats: ["cone", "symmetric"] }, "relayed", 200_000],
  ];
  for (const [what, options, kind, withinUs] of cases) {
    test(`${what} is ${kind}`, () => {
      const world = new World(options);
      world.runUntil(20 * secondUs);
      expect(world.kinds).toEqual([kind, kind]);
      for (const { history } of world.ends) expect(history.at(-1)!.atUs).toBeLessThan(withinUs);
    });
  }

  test("without a relay, is found or is none", () => {
    const direct = new World({ nats: ["cone", "cone"], hasRelay: false });
    direct.runUntil(5 * secondUs);
    expect(direct.kinds).toEqual(["punched", "punched"]);
    const none = new World({ nats: ["symmetric", "symmetric"], hasRelay: false });
    none.runUntil(20 * secondUs);
    expect(none.kinds).toEqual([undefined, undefined]);
  });

  test("begins with the first working path, and improves", () => {
    const world = new World({ nats: ["cone", "cone"], delayUs: 20_000 });
    world.runUntil(5 * secondUs);
    const seen = world.ends[0].history.map(({ kind }) => kind).filter((kind) => kind !== undefined);
    expect(seen.at(-1)).toBe("punched");
    const late = new World({ nats: ["cone", "cone"], loss: 0.6, seed: 4 });
    late.runUntil(30 * secondUs);
    expect(late.kinds).toEqual(["punched", "punched"]);
  });
});

describe("a path that dies", () => {
  for (const [dying, options, next] of [
    ["punched", { nats: ["cone", "cone"] }, "relayed"],
    ["lan", { nats: ["cone", "cone"], isSameLan: true }, "punched"],
    ["relayed", { nats: ["cone", "cone"] }, "punched"],
  ] as [PathKind, WorldOptions, PathKind][]) {
    test(`${dying} is left for ${next} within 5 s, at both ends`, () => {
      const world = new World(options);
      world.runUntil(10 * secondUs);
      world.dead.add(dying);
      world.runUntil(15 * secondUs);
      expect(world.kinds).toEqual([next, next]);
    });
  }

  test("is used again when it works again", () => {
    const world = new World({ nats: ["cone", "cone"], isSameLan: true });
    world.runUntil(10 * secondUs);
    world.dead.add("lan");
    world.runUntil(60 * secondUs);
    expect(world.kinds).toEqual(["punched", "punched"]);
    world.dead.clear();
    world.runUntil(75 * secondUs);
    expect(world.kinds).toEqual(["lan", "lan"]);
  });

  test("leaves none if all have died, and the first to return is used", () => {
    const world = new World({ nats: ["cone", "cone"] });
    world.runUntil(10 * secondUs);
    for (const kind of ["lan", "punched", "relayed"]) world.dead.add(kind);
    world.runUntil(20 * secondUs);
    expect(world.kinds).toEqual([undefined, undefined]);
    world.dead.delete("relayed");
    world.runUntil(35 * secondUs);
    expect(world.kinds).toEqual(["relayed", "relayed"]);
  });
});

test("from any seed, both ends agree on a path that works", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const nat = (): Nat => (["none", "cone", "symmetric"] as const)[Math.floor(random() * 3)]!;
    const world = new World({
      nats: [nat(), nat()],
      isSameLan: random() < 0.3,
      loss: random() * 0.3,
      delayUs: random() * 150_000,
      seed,
    });
    let untilUs = 5 * secondUs;
    for (let change = 0; change < 4; change++) {
      world.runUntil((untilUs += random() * 8 * secondUs));
      world.dead.clear();
      for (const kind of ["lan", "punched"]) if (random() < 0.4) world.dead.add(kind);
    }
    world.runUntil((untilUs += 40 * secondUs));
    // With many losses it may be changing at the moment.
    const isSettled = (): boolean => {
      const [one, other] = world.kinds;
      return one !== undefined && one === other && !world.dead.has(one);
    };
    for (let i = 0; i < 50 && !isSettled(); i++) world.runUntil((untilUs += secondUs / 10));
    expect({ seed, isSettled: isSettled(), kinds: world.kinds }).toMatchObject({
      seed,
      isSettled: true,
    });
  }
}, 180_000);

describe("a third party", () => {
  const victim: Route = { address: "192.0.2.66", port: 5_353 };
  const nonce = new Uint8Array(nonceBytes);

  test("named as an address only gets a few small datagrams", () => {
    const world = new World({ nats: ["cone", "cone"] });
    for (const { finder } of world.ends) finder.add({ route: victim, kind: "punched" }, 0);
    world.runUntil(600 * secondUs);
    for (const { sentTo } of world.ends) {
      expect(sentTo.get(textOf(victim))).toBe(limits.maxTries);
    }
    expect(probeBytes).toBeLessThan(40);
  });

  test("never becomes a path because the other end answers in its place", () => {
    const world = new World({ nats: ["none", "none"] });
    for (const { finder } of world.ends) finder.add({ route: victim, kind: "lan" }, 0);
    const nonces = [nonce];
    // What the other end has received under its own addresses.
    world.arrived = (bytes) => nonces.push(bytes.slice(9, 17));
    world.runUntil(3 * secondUs);
    world.arrived = () => {};
    const forged = new Uint8Array(probeBytes);
    for (const [i, end] of world.ends.entries()) {
      const otherHash = hashBy(i === 0 ? "s" : "r");
      for (let number = 0; number < 64; number++) {
        for (const known of nonces) {
          const answer = { isAnswer: true, isUsed: false, number, nonce: known };
          world.deliver(forged.subarray(0, writeProbe(forged, answer, otherHash)), victim, end);
        }
      }
      expect(end.finder.has(victim)).toBe(false);
    }
  });

  test("proves nothing about an address by an answer from another", () => {
    const { ends } = new World({ nats: ["none", "none"] });
    const [one, other] = ends.map(({ finder }) => finder) as [PathFinder, PathFinder];
    const bytes = new Uint8Array(probeBytes);
    const asked = one.pollTransmit(bytes, secondUs)!;
    expect(other.handleProbe(bytes, 0, probeBytes, victim, secondUs)).toBe(true);
    expect(other.pollTransmit(bytes, secondUs)).toEqual(victim);
    for (const [from, isPath] of [[victim, false] as const, [asked, true] as const]) {
      expect(one.handleProbe(bytes, 0, probeBytes, from, secondUs)).toBe(true);
      expect([one.has(asked), one.has(victim)]).toEqual([isPath, false]);
    }
  });

  test("never becomes a path, whatever it replays from its own address", () => {
    const world = new World({ nats: ["cone", "cone"] });
    const recorded: Uint8Array[] = [];
    world.arrived = (bytes) => recorded.push(bytes.slice());
    world.runUntil(5 * secondUs);
    world.arrived = () => {};
    const before = world.ends.map(({ sentTo }) => sentTo.get(textOf(victim)) ?? 0);
    expect(recorded.length).toBeGreaterThan(10);
    for (const end of world.ends) for (const bytes of recorded) world.deliver(bytes, victim, end);
    world.runUntil(60 * secondUs);
    for (const [i, end] of world.ends.entries()) {
      expect(end.finder.has(victim)).toBe(false);
      // Its replays are not answered a second time.
      expect((end.sentTo.get(textOf(victim)) ?? 0) - before[i]!).toBe(0);
    }
  });

  test("that is faster with overheard probes gets an answer and a few probes, but no path", () => {
    const world = new World({ nats: ["none", "none"] });
    let repeated = 0;
    world.spy = (bytes, to, from) => {
      if (to === relayRoute) return;
      repeated++;
      world.deliver(bytes.slice(), victim, world.other(from));
    };
    world.runUntil(3 * secondUs);
    world.spy = () => {};
    world.runUntil(60 * secondUs);
    for (const { finder, sentTo } of world.ends) {
      expect(finder.has(victim)).toBe(false);
      expect(finder.path?.route).not.toEqual(victim);
      // An answer for each replayed probe, no longer than the probe; and probes of its own.
      const most = repeated + limits.maxTries;
      expect(sentTo.get(textOf(victim)) ?? 0).toBeLessThanOrEqual(most);
    }
  });

  test("that reflects an end's own probes, or invents some, is ignored", () => {
    const world = new World({ nats: ["cone", "cone"] });
    const own: [Uint8Array, End][] = [];
    world.spy = (bytes, _, from) => own.push([bytes.slice(), from]);
    world.runUntil(2 * secondUs);
    world.spy = () => {};
    for (const [bytes, from] of own) expect(world.deliver(bytes, victim, from)).toBe(false);
    const forged = new Uint8Array(probeBytes);
    writeProbe(forged, { isAnswer: false, isUsed: true, number: 1e6, nonce }, hashBy("guess"));
    for (const end of world.ends) expect(world.deliver(forged, victim, end)).toBe(false);
  });

  test("that changes a bit of a probe invalidates it", () => {
    const bytes = new Uint8Array(probeBytes);
    writeProbe(bytes, { isAnswer: false, isUsed: false, number: 77, nonce }, hashBy("s"));
    const { ends } = new World({ nats: ["none", "none"] });
    for (let bit = 0; bit < probeBytes * 8; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(ends[0].finder.handleProbe(changed, 0, probeBytes, victim, 0)).toBe(false);
    }
    expect(ends[0].finder.handleProbe(bytes, 0, probeBytes, victim, 0)).toBe(true);
  });

  test("an end that names too many addresses is ignored", () => {
    const world = new World({ nats: ["cone", "cone"], hasRelay: false });
    for (let i = 0; i < 1_000; i++) {
      const route = { address: "192.0.2.99", port: 10_000 + i };
      world.ends[0].finder.add({ route, kind: "punched" }, 0);
    }
    world.runUntil(30 * secondUs);
    const all = [...world.ends[0].sentTo.keys()].filter((key) => key.startsWith("192.0.2.99"));
    expect(all.length).toBeLessThanOrEqual(limits.maxCandidates);
  });
});

/** Answers every probe to that route as the other end does. */
function answerAll(finder: PathFinder, route: Route, atUs: number): void {
  const bytes = new Uint8Array(probeBytes);
  for (let to = finder.pollTransmit(bytes, atUs); to; to = finder.pollTransmit(bytes, atUs)) {
    const probe = readProbe(bytes, 0, probeBytes, hashBy("r"));
    if (probe === undefined || probe.isAnswer || textOf(to) !== textOf(route)) continue;
    writeProbe(bytes, { ...probe, isAnswer: true }, hashBy("s"));
    finder.handleProbe(bytes, 0, probeBytes, route, atUs);
  }
}

test("an end that changes its address again and again is still found at the last one", () => {
  const finder = new PathFinder({
    isChooser: true,
    ownHash: hashBy("r"),
    otherHash: hashBy("s"),
    newNonce: () => new Uint8Array(randomBytes(nonceBytes)),
    kindOf: () => "punched",
  });
  const bytes = new Uint8Array(probeBytes);
  const nonce = new Uint8Array(nonceBytes);
  for (let number = 1; number <= 2 * limits.maxCandidates; number++) {
    const atUs = number * 2 * limits.deadUs;
    const route = { address: "198.51.100.7", port: 10_000 + number };
    writeProbe(bytes, { isAnswer: false, isUsed: false, number, nonce }, hashBy("s"));
    finder.handleProbe(bytes, 0, probeBytes, route, atUs);
    answerAll(finder, route, atUs);
    expect(finder.path?.route).toEqual(route);
  }
});
