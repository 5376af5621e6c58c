// The registry of peers in the database: the same as in memory, at any of the servers.

import { describe, expect, test } from "bun:test";
import type {
  PeerRegistry,
  RegistryOutcome,
  RegistryRequest,
} from "../../../src/cpp/peer-registry.ts";
import {
  type Contact,
  encodeBridge,
  encodeBridgeAck,
  encodeRegister,
  withHeader,
} from "../../../src/cpp/codec.ts";
import { RegistryConnection } from "../../../src/cpp/registry-connection.ts";
import { Registry } from "../../../src/cpp/registry.ts";
import { postgres as limits, registry as rules } from "../../../src/limits.ts";
import type { Database } from "../../../src/store/postgres/database.ts";
import { PostgresRegistrations } from "../../../src/store/postgres/registrations.ts";
import { seeded } from "../../sim/random.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { withDatabase } from "./with-database.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: the registry in PostgreSQL`);

const networks = ["127.0.0.1", "198.51.100.7", "198.51.100.8", "2001:db8:0:1::/64"];
const addresses = ["127.0.0.1", "198.51.100.7", "169.254.0.9", "2001:db8:0:1::5"];

function ask(
  registry: PeerRegistry,
  request: RegistryRequest,
  network: string,
  nowMs = 0,
): Promise<RegistryOutcome> {
  return new Promise((resolve) => registry.request(request, nowMs, network, resolve));
}

const plain = (contact: Contact | undefined) =>
  contact && { id: contact.id, ip: contact.ip, port: contact.port };

const banned = (id: string) => ({ id, ip: "198.51.100.7", port: 1 });

/** The parts of each registration that do not depend on a clock. */
const shape = (registry: PeerRegistry) =>
  registry.entries().map((entry) => {
    const { handedOut, waitingSinceMs } = entry;
    return { ...plain(entry), handedOut, waits: waitingSinceMs !== undefined };
  });

/** Without the fields that only one of the two returns. */
function told(outcome: RegistryOutcome): object {
  if (outcome.did === "registered") return { did: outcome.did, contact: plain(outcome.contact) };
  if (outcome.did !== "bridged") return outcome;
  return { did: outcome.did, found: plain(outcome.found), self: plain(outcome.self) };
}

describe.skipIf(!hasPostgres)("the registry in PostgreSQL", () => {
  let database: Database;

  withDatabase((opened) => (database = opened));

  test("answers any request like the one in memory", async () => {
    for (let seed = 1; seed <= 12; seed++) {
      await database.run("TRUNCATE parley.registrations");
      const random = seeded(seed);
      const below = (n: number): number => Math.floor(random() * n);
      const model = new Registry({ maxEntries: 6 });
      const servers = [
        new PostgresRegistrations(database, 6),
        new PostgresRegistrations(database, 6),
      ];
      let nowMs = 1_000;
      for (let step = 0; step < 80; step++) {
        const id = `${random() < 0.5 ? "Peer" : "peer"}${below(9)}`;
        const network = networks[below(networks.length)]!;
        const contact = { id, ip: addresses[below(addresses.length)]!, port: 1 + below(9) };
        const wanted = random() < 0.3 ? `PEER${below(9)}` : undefined;
        const request: RegistryRequest =
          random() < 0.5 ? { type: "REGISTER", contact } : { type: "BRIDGE", id, wanted };
        nowMs++;
        if (random() < 0.05) {
          nowMs += rules.freshMs;
          await database.run(
            "UPDATE parley.registrations SET seen = seen - $1::bigint * interval '1 millisecond'",
            [rules.freshMs],
          );
        }
        const expected = told(await ask(model, request, network, nowMs));
        const outcome = told(await ask(servers[below(2)]!, request, network));
        expect({ seed, step, request, network, outcome }).toEqual({
          seed,
          step,
          request,
          network,
          outcome: expected,
        });
      }
      await servers[0]!.refresh();
      expect(shape(servers[0]!)).toEqual(shape(model));
    }
  }, 180_000);

  test("hands nobody out twice to clients at two servers at the same time", async () => {
    await database.run("TRUNCATE parley.registrations");
    const servers = [new PostgresRegistrations(database), new PostgresRegistrations(database)];
    const here = "127.0.0.1";
    for (let i = 0; i < 10; i++) {
      const contact = { id: `Peer${i}`, ip: "127.0.0.1", port: 5_000 + i };
      await ask(servers[0]!, { type: "REGISTER", contact }, here);
    }
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        ask(servers[i % 2]!, { type: "BRIDGE", id: `Asker${i}`, wanted: undefined }, here),
      ),
    );
    const found = answers.flatMap((answer) => (answer.did === "bridged" && answer.found) || []);
    expect(found.map(({ id }) => id).sort()).toEqual(
      Array.from({ length: 10 }, (_, i) => `Peer${i}`),
    );
  });

  test("returns keys on request, until a peer registers without one", async () => {
    await database.run("TRUNCATE parley.registrations");
    const [east, west] = [new PostgresRegistrations(database), new PostgresRegistrations(database)];
    const network = "198.51.100.7";
    const contact = { id: "Ann", ip: network, port: 1 };
    const send = (registry: PeerRegistry, message: string, from = network): Promise<string> =>
      new Promise((resolve) => {
        const connection = new RegistryConnection(registry, from);
        const answer = connection.handleData(new TextEncoder().encode(message), 0, (later) =>
          resolve(later.reply ?? ""),
        );
        expect(answer.reply).toBeUndefined();
      });
    const key = "k".repeat(43);
    const looking = withHeader(encodeBridge("Ben", "ann"), "keys", "look");
    expect(await send(west, looking)).toBe(encodeBridgeAck());
    await send(east, withHeader(encodeRegister(contact), "key", key));
    const told = withHeader(encodeBridgeAck(contact), "key", key);
    expect(await send(west, looking)).toBe(told);
    expect(await send(west, withHeader(encodeBridge("Ben", "Ann"), "keys", "with-contact"))).toBe(
      told,
    );
    // A client that does not ask for them receives exactly the same bytes as ever.
    expect(await send(west, encodeBridge("Ben", "Ann"))).toBe(encodeBridgeAck(contact));
    await send(west, encodeRegister(contact));
    expect(await send(east, looking)).toBe(encodeBridgeAck());
    const local = { id: "Loop", ip: "127.0.0.1", port: 2 };
    await send(east, withHeader(encodeRegister(local), "key", key), "127.0.0.1");
    const asked = withHeader(encodeBridge("Ben", "Loop"), "keys", "look");
    expect(await send(west, asked)).toBe(encodeBridgeAck());
    expect(await send(west, asked, "127.0.0.1")).toContain(key);
  });

  test("removes banned peers, and reports when the database does not answer", async () => {
    await database.run("TRUNCATE parley.registrations");
    const registry = new PostgresRegistrations(database);
    for (const id of ["Ann", "Ben"]) {
      await ask(registry, { type: "REGISTER", contact: banned(id) }, "198.51.100.7");
    }
    registry.dropBanned((id, address) => id === "Ann" && address === "198.51.100.7");
    await ask(registry, { type: "BRIDGE", id: "Cal", wanted: "Ann" }, "127.0.0.1");
    await registry.refresh();
    expect(registry.entries().map(({ id }) => id)).toEqual(["Ben"]);
    await database.run("ALTER TABLE parley.registrations RENAME TO away");
    expect(await ask(registry, { type: "BRIDGE", id: "Cal", wanted: "Ben" }, "127.0.0.1")).toEqual({
      did: "nothing",
    });
    await database.run("ALTER TABLE parley.away RENAME TO registrations");
    const flood = Array.from({ length: limits.registryRequests + 1 }, () =>
      ask(registry, { type: "BRIDGE", id: "Cal", wanted: "Zoe" }, "127.0.0.1"),
    );
    const outcomes = await Promise.all(flood);
    expect(outcomes.filter(({ did }) => did === "nothing")).toHaveLength(1);
  });

  test("removes a peer once the database is back, but not who has registered since", async () => {
    await database.run("TRUNCATE parley.registrations");
    const registry = new PostgresRegistrations(database);
    const away = { type: "BRIDGE", id: "Cal", wanted: "Zoe" } as const;
    for (const id of ["Ann", "Ben"]) {
      await ask(registry, { type: "REGISTER", contact: banned(id) }, "198.51.100.7");
    }
    await database.run("ALTER TABLE parley.registrations RENAME TO away");
    registry.dropBanned(() => true);
    expect(await ask(registry, away, "127.0.0.1")).toEqual({ did: "nothing" });
    await expect(registry.refresh()).rejects.toThrow("parley.registrations");
    await database.run("ALTER TABLE parley.away RENAME TO registrations");
    await ask(registry, { type: "REGISTER", contact: banned("Ben") }, "198.51.100.7");
    await registry.refresh();
    expect(registry.entries().map(({ id }) => id)).toEqual(["Ben"]);
    // What is done is not done again.
    await ask(registry, { type: "REGISTER", contact: banned("Ann") }, "198.51.100.7");
    await registry.refresh();
    expect(registry.entries().map(({ id }) => id)).toEqual(["Ben", "Ann"]);
  });
});
