// The simulated database (tests/sim/cluster) answers several servers like PostgreSQL, sends them
// the same notifications, and ends with the same content: for any requests, in any order, also
// after a lease has expired.

import { beforeAll, describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { ForeignPerson } from "../../../src/chat/elsewhere/foreign-person.ts";
import type {
  Batch,
  StoreOperation,
  StoreReply,
  StoreRequest,
} from "../../../src/chat/turn/store.ts";
import type { Database } from "../../../src/store/postgres/database.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { VirtualClock } from "../../sim/chat/virtual-clock.ts";
import { SimulatedDatabase } from "../../sim/cluster/database.ts";
import { beforeCopies } from "../../../src/store/mailbox-shares.ts";
import { about, mail, run, update } from "../batches.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { emptied } from "./emptied.ts";
import { withDatabase } from "./with-database.ts";
import { until } from "../../until.ts";

const servers = 3;
const rooms = ["den", "lobby"];
const records = ["r1", "r2", "r3"];
const names = ["ann", "ben"];
/** That a server claims as such. */
const called = "call/1";

const session = fc.record({
  id: fc.constantFrom(...records),
  name: fc.constantFrom("", ...names),
  n: fc.nat(3),
  refused: fc.constantFrom(undefined, "1-1:muted"),
  fewer: fc.constantFrom(0, 0, 1, undefined),
  claim: fc.constantFrom(undefined, 1, 2, 3),
  isHere: fc.boolean(),
});
const entry = fc.record({
  folded: fc.constantFrom(...names),
  isThere: fc.boolean(),
});
const change = fc.record({
  room: fc.constantFrom(...rooms),
  folded: fc.constantFrom(...names),
  isThere: fc.boolean(),
  opens: fc.constantFrom(undefined, true),
});
const work = fc.record({
  said: fc.uniqueArray(
    fc.record({ room: fc.constantFrom(...rooms), count: fc.integer({ min: 1, max: 3 }) }),
    { selector: ({ room }) => room, maxLength: 2 },
  ),
  sessions: fc.uniqueArray(session, { selector: ({ id }) => id, maxLength: 2 }),
  letters: fc.array(
    fc.record({ to: fc.constantFrom(...records, "s1#4", "s2#7"), isCopy: fc.boolean() }),
    { maxLength: 3 },
  ),
  changes: fc.uniqueArray(change, { selector: ({ room }) => room, maxLength: 2 }),
  released: fc.array(
    fc.record({
      name: fc.constantFrom(...names),
      holder: fc.constantFrom(...records, "#1", "@a1"),
    }),
    { maxLength: 1 },
  ),
  people: fc.uniqueArray(entry, { selector: ({ folded }) => folded, maxLength: 2 }),
  signals: fc.array(fc.constantFrom("s1", "s2"), { maxLength: 1 }),
});
type Work = typeof work extends fc.Arbitrary<infer T> ? T : never;

const step = fc.record({
  server: fc.nat(servers - 1),
  what: fc.oneof(
    fc.record({ type: fc.constant("commit" as const), work, again: fc.constantFrom(0, 0, 0, 1) }),
    fc.record({
      type: fc.constant("claim" as const),
      name: fc.constantFrom(...names, called),
      holder: fc.constantFrom(...records, "#1", "@a1"),
      askedMs: fc.constantFrom(undefined, 1, 2, 3),
      takes: fc.boolean(),
      /** The server's last claim again, or as if it were not wanted any more. */
      again: fc.constantFrom(false, false, true),
      isWithdrawn: fc.constantFrom(false, false, true),
    }),
    fc.record({
      type: fc.constant("decide" as const),
      isBan: fc.boolean(),
      before: fc.constantFrom(undefined, undefined, "0", "1"),
      /** The server's last decision again. */
      again: fc.constantFrom(false, false, true),
    }),
    fc.record({
      type: fc.constant("erase" as const),
      room: fc.constantFrom(...rooms),
      seq: fc.integer({ min: 1, max: 6 }),
    }),
    fc.record({
      type: fc.constant("register" as const),
      record: fc.constantFrom(...records),
      received: fc.nat(2),
    }),
    fc.record({ type: fc.constant("forget" as const) }),
    fc.record({ type: fc.constant("expire" as const) }),
    fc.record({ type: fc.constant("renew" as const) }),
    fc.record({ type: fc.constant("sweep" as const), laterMs: fc.constantFrom(0, 40, 120) }),
    fc.record({ type: fc.constant("read" as const) }),
  ),
});

function batchOf(plan: Work, number: number): Batch {
  return {
    number,
    rooms: plan.said.map(({ room, count }) => ({
      room,
      runs: [
        run(
          room,
          Array.from({ length: count }, (_, i) => `${number}.${i}`),
        ),
      ],
    })),
    sessions: plan.sessions.map(({ fewer, n, ...fields }) => {
      const before = fewer === undefined ? undefined : Math.max(0, n - fewer);
      return update(fields.id, { ...fields, n, before });
    }),
    mail: plan.letters.map(({ to, isCopy }) => {
      const other = { person: "p", name: "Bob" };
      return mail(to, `letter ${number}`, {
        id: number,
        other,
        isCopy: isCopy && /^[^#]*$/.test(to),
      });
    }),
    presence: plan.changes.map(({ room, folded, isThere, opens }) => {
      const name = isThere ? folded.toUpperCase() : undefined;
      const rank = { isOperator: opens ?? folded === "ann", isVoiced: folded === "ann" };
      const change = isThere ? { folded, name, about, rank, opens } : { folded, name, about };
      return { room, changes: [{ ...change, event: undefined }] };
    }),
    released: plan.released,
    people: plan.people.map(({ folded, isThere }) => {
      const found = { folded, name: folded, key: "k", person: "p", about };
      return { folded, entry: isThere ? found : undefined };
    }),
    signals: plan.signals.map((server) => {
      const from = { key: "k", name: "n", folded: "n", person: "p" };
      return { server, signal: { type: "chat", to: "x", step: "left", exchange: [], from } };
    }),
  };
}

const startMs = 1_000;
/** So little that sweeps delete something. */
const retention = {
  messages: 4,
  mailMessages: 2,
  maxAgeMs: 100,
  rooms: 1,
  sessionAgeMs: 200,
  goodbyeAgeMs: 50,
};

/** Several stores on one database. */
class Rig {
  readonly stores: PostgresStore[] = [];
  readonly #numbers = Array.from({ length: servers }, () => 0);
  #id = 0;
  #accounts = 0;
  #clockMs = startMs;
  /** The last claim of each server. */
  readonly #decisions = new Map<number, StoreRequest & { type: "change-rights" }>();
  readonly #claims = new Map<number, StoreRequest & { type: "claim-name" }>();

  constructor(
    readonly port: DatabasePort,
    readonly expire: (server: string) => Promise<void>,
  ) {}

  async open(): Promise<void> {
    for (let i = 1; i <= servers; i++) {
      let ids = 0;
      const newServerId = (): string => (ids++ === 0 ? `s${i}` : `s${i}-${ids}`);
      const clock = (): number => this.#clockMs;
      const clocks = { clock, systemMs: () => startMs, hubMs: () => startMs };
      this.stores.push(await PostgresStore.open(this.port, { newServerId, retention, ...clocks }));
    }
  }

  async take({ server, what }: typeof step extends fc.Arbitrary<infer T> ? T : never) {
    const store = this.stores[server]!;
    switch (what.type) {
      case "commit": {
        const number = (this.#numbers[server]! += what.again === 1 ? 0 : 1);
        return await this.#ask(store, { type: "commit", batch: batchOf(what.work, number) });
      }
      case "claim": {
        const { name, holder, askedMs, takes, again, isWithdrawn } = what;
        // A device of the account has a record of its own.
        const record = holder === "@a1" ? "r1" : holder;
        const taken = takes && record !== "#1" ? record : undefined;
        const asked = askedMs === undefined ? undefined : { openedMs: askedMs };
        const claim = { name, holder, asked: name === called ? asked : undefined };
        const fresh = { type: "claim-name", claim, session: taken, id: ++this.#id } as const;
        const request = (again ? this.#claims.get(server) : undefined) ?? fresh;
        this.#claims.set(server, request);
        return await answered(store, { ...request, isWithdrawn });
      }
      case "decide": {
        const { isBan, before } = what;
        const fresh = {
          type: "change-rights",
          changes: [{ key: "sanction/1", value: isBan ? String(server) : undefined, before }],
          id: ++this.#id,
        } as const;
        const request = (what.again ? this.#decisions.get(server) : undefined) ?? fresh;
        this.#decisions.set(server, request);
        const answer = await answered(store, request);
        const kept = await store.rights();
        return [answer, kept.filter(({ key }) => key === "sanction/1")];
      }
      case "erase":
        return await this.#ask(store, { type: "erase-message", room: what.room, seq: what.seq });
      case "register": {
        const account = `a${++this.#accounts}`;
        const about = {
          name: account,
          folded: account,
          key: undefined,
          password: account,
          atMs: 1,
        };
        const mailbox = { session: what.record, received: what.received };
        const change = { type: "register", account, ...about, mailbox } as const;
        return await this.#ask(store, { type: "change-account", change });
      }
      case "forget": {
        const change = { type: "delete", account: "a1", atMs: 1 } as const;
        return await this.#ask(store, { type: "change-account", change });
      }
      case "expire":
        return void (await this.expire(store.serverId));
      case "renew":
        return void (await store.renew());
      case "sweep":
        this.#clockMs += what.laterMs;
        return await store.sweep();
      case "read":
        return await this.#read(store);
    }
  }

  async #read(store: PostgresStore): Promise<unknown[]> {
    const operations: StoreOperation[] = [
      ...rooms.flatMap((room): StoreOperation[] => [
        { type: "room-bounds", room },
        { type: "room-bounds", room, since: 3 },
        { type: "read-room", room, after: 1, limit: 4 },
        { type: "read-room", room, before: 5, limit: 3 },
      ]),
      ...[...records, "@a1", "@a2"].flatMap((record): StoreOperation[] => [
        { type: "load-session", session: record },
        { type: "read-mail", session: record, after: 0, limit: 9 },
        { type: "count-mail", session: record, after: 1 },
        { type: "list-mail", session: record },
        { type: "read-mail", session: record, numbers: [1, beforeCopies + 1] },
      ]),
      ...names.map((name): StoreOperation => ({ type: "find-name", name, sinceMs: 0 })),
      { type: "find-claimant", name: called },
      { type: "find-elsewhere", names },
      { type: "overview" },
    ];
    const answers: unknown[] = [];
    for (const operation of operations) answers.push(await this.#ask(store, operation));
    const signals = await this.port.run(
      "SELECT id::text AS id, signal FROM parley.signals s WHERE server = $1 ORDER BY s.id",
      [store.serverId],
    );
    answers.push(signals.map(({ signal }) => JSON.parse(String(signal))));
    return answers;
  }

  #ask(store: PostgresStore, operation: StoreOperation): Promise<unknown> {
    return answered(store, { ...operation, id: ++this.#id });
  }
}

function answered(store: PostgresStore, request: StoreRequest): Promise<unknown> {
  return new Promise((resolve) => store.answer(request, (reply) => resolve(plain(reply))));
}

/** With lists in a fixed order. */
function plain(reply: StoreReply): unknown {
  if (reply.outcome === "failed") return { failed: reply.error.message };
  if (reply.outcome === "unknown") return reply.outcome;
  if (reply.type === "room-bounds") {
    const members = reply.result.elsewhere?.members ?? [];
    const sorted = members.map((member) => JSON.stringify(member)).sort();
    return { ...reply.result, elsewhere: [reply.result.elsewhere?.version, sorted] };
  }
  if (reply.type === "overview") {
    const sorted = reply.result.rooms.map(({ room, members }) => `${room} ${members}`).sort();
    return { rooms: sorted, people: reply.result.people };
  }
  if (reply.type === "find-elsewhere") {
    return reply.result
      .map(({ rooms: theirs, ...person }) => ({ ...person, rooms: [...theirs].sort() }))
      .sort((a, b) => (place(a) < place(b) ? -1 : 1));
  }
  return reply.result;
}

function place({ folded, server }: ForeignPerson): string {
  return `${folded} ${server}`;
}

function simulated(notes: string[]): Rig {
  const events = { committed() {}, ran() {} };
  const options = { payloadBytes: 7_900, epoch: "e" };
  const database = new SimulatedDatabase(new VirtualClock(), options, events);
  database.listen((payload) => notes.push(payload));
  const port: DatabasePort = {
    run: async (text, values = []) => database.run(text, values) as never,
    script: async () => {},
    transact: async (inside) => await inside(port.run),
    listen: async () => () => {},
  };
  return new Rig(port, async (server) => {
    const row = database.tables.servers.get(server);
    if (row !== undefined) database.tables.servers.put(server, { ...row, expiresMs: 0 }, []);
  });
}

/** Notes by their content: PostgreSQL's JSON has different spaces. */
function told(notes: readonly string[]): unknown[] {
  return notes.map((note) => JSON.parse(note));
}

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: the simulated database beside it`);

describe.skipIf(!hasPostgres)("the simulated database equals PostgreSQL", () => {
  let database: Database;
  let heard: string[] = [];

  withDatabase((opened) => (database = opened));

  beforeAll(async () => {
    await database.listen(
      "parley",
      (payload) => heard.push(payload),
      () => {},
    );
  }, 180_000);

  async function real(): Promise<Rig> {
    await database.script(emptied);
    return new Rig(database, async (server) => {
      await database.run(
        "UPDATE parley.servers SET expires = clock_timestamp() - interval '1 s' WHERE id = $1",
        [server],
      );
    });
  }

  /** The simulated clock stands still: however slow this machine is, only a step ends a lease. */
  async function keepLeases(): Promise<void> {
    await database.run(
      `UPDATE parley.servers SET expires = clock_timestamp() + interval '1 h'
       WHERE expires > clock_timestamp()`,
    );
  }

  test("in all answers and notifications", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        heard = [];
        const notes: string[] = [];
        const [one, other] = [await real(), simulated(notes)];
        await one.open();
        await other.open();
        for (const [i, what] of steps.entries()) {
          await keepLeases();
          const [answer, expected] = [await one.take(what), await other.take(what)];
          expect({ i, answer: expected }).toEqual({ i, answer });
        }
        // The last notification shows that all have arrived.
        await database.run("SELECT pg_notify($1, $2)", ["parley", `{"from":"end"}`]);
        await until(() => heard.at(-1)?.includes("end") === true);
        expect(told(notes)).toEqual(told(heard.slice(0, -1)));
      }),
      { numRuns: 30 },
    );
  }, 180_000);
});
