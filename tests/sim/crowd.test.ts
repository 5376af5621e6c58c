// Many users in one room, spread over three servers with one database: the cost of a message grows
// with the servers and the members of each, not with the product. Work is counted, not timed.
// CROWD=20000 sets the number of members.

import { drainMicrotasks } from "bun:jsc";
import { expect, test } from "bun:test";
import { nativeDialect } from "../../src/dialects/native/native.ts";
import { VirtualClock } from "./chat/virtual-clock.ts";
import type { ServerConnection } from "./chat/server-process.ts";
import { SimulatedDatabase } from "./cluster/database.ts";
import { MemberProcess } from "./cluster/member-process.ts";
import { seeded } from "./random.ts";
import { membersOf } from "../chat/inspect.ts";

const crowd = Number(process.env["CROWD"] ?? 3_000);
const servers = 3;
/** Concurrent logins. */
const wave = Math.max(250, crowd / 20);

/** Chance by which no notification is late (cluster/database.ts): it would be read instead. */
function punctual(random: () => number): () => number {
  return () => 0.03 + 0.97 * random();
}

class Crowd {
  readonly clock = new VirtualClock(drainMicrotasks);
  readonly database: SimulatedDatabase;
  readonly processes: readonly MemberProcess[];
  readonly native = nativeDialect({ name: "parley", udpPort: 1, messagesPerSecond: 0 });
  readonly people: ServerConnection[] = [];
  readonly problems: string[] = [];
  /** By server: writes to connections, and those that contained the text. */
  readonly writes = Array.from({ length: servers }, () => 0);
  readonly heard = Array.from({ length: servers }, () => 0);
  commits = 0;
  reads = 0;
  #said = 0;
  #awaited: Uint8Array | undefined;

  constructor() {
    const events = {
      committed() {},
      ran: (text: string) => {
        if (text.includes("parley.commit(")) this.commits++;
        // Reads of data that no notification has delivered.
        if (/parley\.(?:batches|members)/.test(text)) this.reads++;
      },
    };
    const options = { payloadBytes: 7_900, epoch: "crowd" };
    this.database = new SimulatedDatabase(this.clock, options, events);
    this.processes = Array.from(
      { length: servers },
      (_, i) =>
        new MemberProcess(`s${i}`, this.database, punctual(seeded(i + 1)), (what) =>
          this.problems.push(what),
        ),
    );
    this.clock.pass(1_000);
  }

  fill(count: number): void {
    while (this.people.length < count) {
      for (let i = 0; i < wave && this.people.length < count; i++) this.#come();
      this.clock.pass(40);
    }
    this.clock.pass(5_000);
  }

  /** The cost of one message of the first user. */
  say(text: string) {
    this.#awaited = Buffer.from(text);
    this.heard.fill(0);
    this.writes.fill(0);
    this.commits = this.reads = 0;
    const before = this.database.notifications;
    const line = JSON.stringify({ type: "say", n: ++this.#said, text });
    this.people[0]?.received(Buffer.from(`${line}\n`));
    this.clock.pass(200);
    this.#awaited = undefined;
    const { commits, reads } = this;
    return { commits, reads, told: this.database.notifications - before };
  }

  #come(): void {
    const number = this.people.length;
    const at = number % servers;
    const { server } = this.processes[at]!;
    const address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
    const write = (bytes: Uint8Array): number => {
      this.writes[at]!++;
      const awaited = this.#awaited;
      if (awaited !== undefined && Buffer.from(bytes).includes(awaited)) this.heard[at]!++;
      return bytes.length;
    };
    const link = { write, end() {}, abort() {} };
    const person = server!.accept(link, this.native, address);
    const hello = {
      type: "hello",
      version: 2,
      name: `p${number}`,
      secret: `secret-of-${number}-0123456789`,
    };
    person.received(Buffer.from(`${JSON.stringify(hello)}\n`));
    this.people.push(person);
  }
}

function membersAt({ processes }: Crowd) {
  return processes.map(({ server }) => {
    const { here, everywhere } = membersOf(server!.hub, "lobby");
    return { here: here.length, everywhere: everywhere.length };
  });
}

test(
  `a message to ${crowd} people on ${servers} servers`,
  () => {
    const room = new Crowd();
    for (const size of [crowd / 10, crowd]) {
      room.fill(size);
      const members = membersAt(room);
      expect(members.map(({ everywhere }) => everywhere)).toEqual(members.map(() => size));
      const cost = room.say(`message to ${size}`);
      expect(room.problems).toEqual([]);
      // One transaction and one notification, however many users there are; each server writes once
      // to each of its own, and at most once more for the acknowledgement.
      expect(room.heard).toEqual(members.map(({ here }) => here));
      for (const [i, { here }] of members.entries()) {
        expect(room.writes[i]).toBeLessThanOrEqual(here + 1);
      }
      expect(cost).toEqual({ commits: 1, reads: 0, told: 1 });
    }
  },
  180_000 + 20 * crowd,
);
