// Which peer is handed out to whom, who waits, and which registration is evicted first.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { registry as limits } from "../../src/limits.ts";
import type { Registration, RegistryOutcome } from "../../src/cpp/peer-registry.ts";
import { Registry, type RegistryChange } from "../../src/cpp/registry.ts";

/** The network of clients in tests where it does not matter. */
const here = "127.0.0.1";

function filled(...ids: string[]): Registry {
  const registry = new Registry();
  ids.forEach((id, at) => registry.register({ id, ip: "127.0.0.1", port: 5000 + at }, at, here));
  return registry;
}

const entry = (id: string, at: number): Registration => ({
  id,
  ip: "h",
  port: 1,
  registeredAtMs: at,
  handedOut: false,
});

const given = (registry: Registry, id: string, wanted?: string) =>
  registry.bridge(id, 1_000, here, wanted)?.id;

describe("bridging", () => {
  test("two clients: the first waits, the second gets it", () => {
    const registry = filled("Alice");
    expect(given(registry, "Alice")).toBeUndefined();
    registry.register({ id: "Bob", ip: "127.0.0.1", port: 7777 }, 10, here);
    expect(registry.bridge("Bob", 11, here)).toMatchObject({
      id: "Alice",
      ip: "127.0.0.1",
      port: 5000,
    });
  });

  test("the longest wait comes before the oldest registration", () => {
    const registry = filled("A");
    registry.bridge("A", 1, here);
    registry.register({ id: "B", ip: "h", port: 1 }, 2, here);
    registry.register({ id: "C", ip: "h", port: 1 }, 3, here);
    // C asks for an unknown client and so waits; A has waited longer.
    expect(given(registry, "C", "Nobody")).toBeUndefined();
    expect(given(registry, "B")).toBe("A");
    registry.register({ id: "D", ip: "h", port: 1 }, 4, here);
    expect(given(registry, "D")).toBe("C");
  });

  test("nobody waits: the oldest registration not yet handed out, until none is left", () => {
    const registry = filled("A", "B", "C", "D");
    expect(given(registry, "D")).toBe("A");
    expect(given(registry, "D")).toBe("B");
    expect(given(registry, "D")).toBe("C");
    expect(given(registry, "D")).toBeUndefined();
  });

  test("a client counts as handed out until it bridges or registers again", () => {
    const registry = filled("A", "B");
    expect(given(registry, "B")).toBe("A");
    expect(given(registry, "B")).toBeUndefined();
    registry.register({ id: "A", ip: "h", port: 2 }, 50, here);
    expect(registry.bridge("B", 51, here)).toMatchObject({ id: "A", port: 2 });
    expect(given(registry, "A")).toBe("B");
    expect(given(registry, "B")).toBe("A");
  });

  test("by name: waiting or handed out, but never oneself or an unknown client", () => {
    const registry = filled("A", "B", "C");
    expect(given(registry, "C", "B")).toBe("B");
    expect(given(registry, "A", "B")).toBe("B");
    expect(given(registry, "A", "b")).toBe("B");
    expect(given(registry, "A", "A")).toBeUndefined();
    expect(given(registry, "A", "Zoe")).toBeUndefined();
  });

  test("registering again replaces: a new address, last in order, no longer waiting", () => {
    const registry = filled("A");
    registry.bridge("A", 1, here);
    registry.register({ id: "B", ip: "h", port: 1 }, 2, here);
    registry.register({ id: "a", ip: "new", port: 9 }, 3, here);
    expect(registry.entries().map(({ id, ip }) => `${id} ${ip}`)).toEqual(["B h", "a new"]);
    registry.register({ id: "C", ip: "h", port: 1 }, 4, here);
    expect(given(registry, "C")).toBe("B");
  });

  test("an unregistered client may bridge but does not wait", () => {
    const registry = filled("A");
    expect(given(registry, "Zoe")).toBe("A");
    expect(given(registry, "Zoe")).toBeUndefined();
    expect(registry.size).toBe(1);
  });

  test("a waiting client that asks again keeps its place", () => {
    const registry = filled("A");
    registry.bridge("A", 1, here);
    registry.register({ id: "B", ip: "h", port: 1 }, 2, here);
    registry.bridge("B", 3, here, "Nobody");
    registry.bridge("A", 4, here, "Nobody");
    registry.register({ id: "C", ip: "h", port: 1 }, 5, here);
    expect(given(registry, "C")).toBe("A");
    expect(given(registry, "C")).toBe("B");
  });
});

describe("clients of other networks", () => {
  const elsewhere = "192.0.2.9";
  const mallory = { id: "alice", ip: "192.0.2.9", port: 22 };

  test("cannot replace a fresh registration, and can replace a stale one", () => {
    const registry = filled("Alice");
    expect(registry.register(mallory, limits.freshMs - 1, elsewhere)).toBeUndefined();
    expect(registry.find("Alice")).toMatchObject({ id: "Alice", ip: "127.0.0.1" });
    registry.bridge("Alice", 1_000, here);
    expect(registry.register(mallory, limits.freshMs + 999, elsewhere)).toBeUndefined();
    expect(registry.register(mallory, limits.freshMs + 1_000, elsewhere)).toMatchObject(mallory);
  });

  test("also after a restart: the registered address determines the owner", () => {
    const registry = new Registry();
    registry.restore(filled("Alice").entries(), 0);
    expect(registry.register(mallory, 1, elsewhere)).toBeUndefined();
    expect(registry.register({ ...mallory, ip: here }, 1, here)).toBeDefined();
  });

  test("can bridge under somebody else's ID, but do not change its place", () => {
    const registry = filled("Alice");
    registry.bridge("Alice", 1, here);
    registry.register({ id: "Bob", ip: "192.0.2.1", port: 1 }, 2, "192.0.2.1");
    expect(registry.bridge("Alice", 3, elsewhere)?.id).toBe("Bob");
    expect(registry.find("Alice")).toMatchObject({ waitingSinceMs: 1, handedOut: false });
    expect(given(registry, "Carol")).toBe("Alice");
  });

  test("get no loopback or link-local address that was registered from elsewhere", () => {
    const registry = new Registry();
    const addresses = ["127.0.0.1", "::1", "localhost", "0.0.0.0", "169.254.1.2", "fe80::1%eth0"];
    addresses.forEach((ip, at) => registry.register({ id: `u${at}`, ip, port: 22 }, at, elsewhere));
    expect(registry.bridge("Zoe", 9, "192.0.2.1")).toBeUndefined();
    expect(registry.bridge("Zoe", 9, "192.0.2.1", "u0")).toBeUndefined();
    expect(registry.bridge("Zoe", 9, elsewhere)?.id).toBe("u0");
    registry.register({ id: "far", ip: "192.0.2.3", port: 22 }, 9, elsewhere);
    expect(registry.bridge("Zoe", 9, "192.0.2.1")?.id).toBe("far");
  });

  test("nor is it in the answer to who asks for a key alone", () => {
    const registry = new Registry();
    registry.register({ id: "near", ip: "127.0.0.1", port: 22 }, 1, elsewhere, "key");
    registry.register({ id: "far", ip: "192.0.2.3", port: 22 }, 1, elsewhere, "key");
    const look = (id: string, network: string) => {
      const outcomes: RegistryOutcome[] = [];
      registry.request({ type: "LOOK", id }, 2, network, (outcome) => outcomes.push(outcome));
      return outcomes;
    };
    expect(look("near", "192.0.2.1")).toEqual([{ did: "looked", found: undefined }]);
    expect(look("near", elsewhere)).toMatchObject([{ found: { key: "key" } }]);
    expect(look("FAR", "192.0.2.1")).toMatchObject([{ found: { contact: { id: "far" } } }]);
  });
});

describe("bounds and stores", () => {
  test("a ban removes what was made under the ID, from the network, or with the address", () => {
    const changes: RegistryChange[] = [];
    const registry = new Registry({ onChange: (change) => changes.push(change) });
    const register = (id: string, ip: string, network: string) =>
      registry.register({ id, ip, port: 1 }, 1, network);
    register("Eve", "192.0.2.1", "192.0.2.1");
    register("made", "192.0.2.2", "198.51.100.7");
    register("made6", "192.0.2.3", "2001:db8:0:1::/64");
    register("claims", "198.51.100.7", "192.0.2.4");
    register("Ann", "192.0.2.5", "192.0.2.5");
    registry.dropBanned(
      (id, address) =>
        id === "Eve" || address === "198.51.100.7" || address.startsWith("2001:db8:0:1:"),
    );
    expect(registry.entries().map(({ id }) => id)).toEqual(["Ann"]);
    const removed = changes.filter(({ kind }) => kind === "removed");
    expect(removed.map(({ entry: { id } }) => id)).toEqual(["Eve", "made", "made6", "claims"]);
  });

  test("the oldest registration is evicted first", () => {
    const changes: RegistryChange[] = [];
    const registry = new Registry({ maxEntries: 3, onChange: (change) => changes.push(change) });
    for (const id of ["A", "B", "C"]) registry.register({ id, ip: "h", port: 1 }, 1, here);
    registry.register({ id: "A", ip: "h", port: 2 }, 2, here);
    registry.register({ id: "D", ip: "h", port: 1 }, 3, here);
    expect(registry.entries().map((entry) => entry.id)).toEqual(["C", "A", "D"]);
    expect(
      changes.filter((change) => change.kind === "removed").map(({ entry }) => entry.id),
    ).toEqual(["B"]);
  });

  test("the network with most registrations loses its own, whatever addresses are in them", () => {
    const registry = new Registry({ maxEntries: 10 });
    const register = (id: string, network: string, atMs = 1) =>
      registry.register({ id, ip: `ip of ${id}`, port: 1 }, atMs, network);
    register("Alice", "192.0.2.1");
    register("Bob", "192.0.2.2");
    register("Bill", "192.0.2.2");
    for (let i = 0; i < 100; i++) register(`u${i}`, "192.0.2.3");
    expect(registry.size).toBe(10);
    for (const id of ["Alice", "Bob", "Bill", "u99"]) expect(registry.find(id)).toBeDefined();
    // Its share shrinks as other networks register.
    register("Cal", "192.0.2.4");
    expect(registry.find("u93")).toBeUndefined();
    // An ID that another network takes over counts for that network.
    for (let i = 94; i < 100; i++) register(`u${i}`, "192.0.2.5", 1 + limits.freshMs);
    register("u100", "192.0.2.5", 1 + limits.freshMs);
    const left = registry.entries().map(({ id }) => id);
    expect(left.join(" ")).toBe("Alice Bob Bill Cal u95 u96 u97 u98 u99 u100");
  });

  test("more /64s in one /48 gain no more registrations", () => {
    const registry = new Registry({ maxEntries: 10 });
    const register = (id: string, network: string) =>
      registry.register({ id, ip: `ip of ${id}`, port: 1 }, 1, network);
    for (const id of ["Alice", "Bob", "Cal"]) register(id, `network of ${id}`);
    for (let i = 0; i < 100; i++) register(`u${i}`, `2001:db8:1:${i.toString(16)}::/64`);
    const left = registry.entries().map(({ id }) => id);
    expect(left.slice(0, 4)).toEqual(["Alice", "Bob", "Cal", "u93"]);
  });

  test("restored registrations are counted for the addresses in them", () => {
    const registry = new Registry({ maxEntries: 4 });
    registry.restore(
      [
        { ...entry("A", 1), ip: "192.0.2.1" },
        { ...entry("B", 2), ip: "192.0.2.2" },
      ],
      0,
    );
    for (let i = 0; i < 9; i++) registry.register({ id: `u${i}`, ip: "h", port: 1 }, 3 + i);
    expect(registry.entries().map(({ id }) => id)).toEqual(["A", "B", "u7", "u8"]);
  });

  test("100 000 registrations stay within the bound", () => {
    const registry = new Registry();
    for (let at = 0; at < 100_000; at++) registry.register({ id: `u${at}`, ip: "h", port: 1 }, at);
    expect(registry.size).toBe(4_096);
    expect(registry.find("u99999")).toBeDefined();
  });

  test("a registry restored from its changes answers the same", () => {
    const step = fc.record({
      who: fc.constantFrom("A", "B", "C", "D", "E"),
      does: fc.constantFrom("register", "bridge", "name"),
      wanted: fc.constantFrom("A", "B", "C", "Z"),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(step, { maxLength: 10 }),
        (before, after) => {
          const kept = new Map<string, Registration>();
          const first = new Registry({
            maxEntries: 4,
            onChange: ({ kind, entry }) => {
              const key = entry.id.toLowerCase();
              if (kind === "kept") kept.set(key, entry);
              else kept.delete(key);
            },
          });
          let nowMs = 0;
          const run = (
            registry: Registry,
            { who, does, wanted }: (typeof before)[number],
            atMs: number,
          ) =>
            does === "register"
              ? registry.register({ id: who, ip: here, port: 1 }, atMs, here)
              : registry.bridge(who, atMs, here, does === "name" ? wanted : undefined);
          for (const one of before) run(first, one, ++nowMs);
          const second = new Registry({ maxEntries: 4 });
          second.restore([...kept.values()].reverse(), 0);
          expect(second.entries()).toEqual(first.entries());
          for (const one of after) {
            nowMs++;
            expect(run(second, one, nowMs)).toEqual(run(first, one, nowMs));
          }
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test("restoring too many keeps the newest", () => {
    const registry = new Registry({ maxEntries: 2 });
    registry.restore([entry("C", 3), entry("A", 1), entry("B", 2)], 0);
    expect(registry.entries().map(({ id }) => id)).toEqual(["B", "C"]);
  });
});
