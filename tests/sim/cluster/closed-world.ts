// Several servers for members only, and people with passes, on one virtual clock, from one seed.

import { drainMicrotasks } from "bun:jsc";
import { nativeDialect } from "../../../src/dialects/native/native.ts";
import type { Connection } from "../chat/connection.ts";
import type { ServerProcess } from "../chat/server-process.ts";
import { trace } from "../chat/trace.ts";
import { fail } from "../chat/truth.ts";
import { VirtualClock } from "../chat/virtual-clock.ts";
import { seeded } from "../random.ts";
import { SimulatedDatabase } from "./database.ts";
import { Faults } from "./faults.ts";
import type { ClientWorld } from "./json-client.ts";
import { MemberProcess } from "./member-process.ts";
import { PassDesk, PassGuest } from "./passes.ts";

const guests = 6;
const nothing = (): void => {};
const membersOnly = { checkPassword: undefined, isMembersOnly: true };

export class ClosedWorld implements ClientWorld {
  readonly clock = new VirtualClock(() => this.#settle());
  readonly random: () => number;
  readonly native = nativeDialect({ name: "parley", udpPort: 1, messagesPerSecond: 0 });
  readonly desk: PassDesk;
  readonly #members: readonly MemberProcess[];
  readonly #faults: Faults;
  readonly #guests: readonly PassGuest[];
  readonly #startMs = this.clock.nowMs;
  #isHealing = false;
  #failure: string | undefined;

  constructor(seed: number, hubs: number) {
    this.random = seeded(seed);
    const failed = (what: string): void => void (this.#failure ??= what);
    const events = { failed, committed: nothing, swept: nothing, ran: nothing };
    const options = { payloadBytes: 7_900, epoch: `epoch-${seed}`, lie: undefined };
    const database = new SimulatedDatabase(this.clock, options, events);
    this.#members = Array.from({ length: hubs }, (_, i) => {
      return new MemberProcess(`s${i + 1}`, database, this.random, failed, {}, membersOnly);
    });
    this.clock.pass(1_000);
    this.desk = new PassDesk(this, this.#members);
    this.#guests = Array.from({ length: guests }, (_, i) => {
      return new PassGuest(this, this.desk, `Guest${i + 1}`, `192.0.2.${i + 1}`);
    });
    this.#live(this.desk, 20_000);
    for (const guest of this.#guests) this.#live(guest, 4_000);
    this.#faults = new Faults(this, database, this.#members);
    this.#faults.begin();
  }

  get server(): ServerProcess | undefined {
    return this.#members[Math.floor(this.random() * this.#members.length)]?.server;
  }

  watch(connection: Connection, server: ServerProcess): void {
    this.#faults.watch(connection, server);
  }

  trace(who: string, way: "<" | ">" | "!", what: unknown): void {
    trace(this.clock.nowMs - this.#startMs, who, way, what);
  }

  /** Then heals everything. @throws Error if something has gone wrong */
  run(ms: number): void {
    this.clock.pass(ms);
    this.#isHealing = true;
    this.#faults.heal();
    for (const guest of this.#guests) guest.leave();
    this.clock.pass(60_000);
    this.desk.checkAll();
    this.clock.pass(1_000);
  }

  #live(one: { doSomething(): void }, pauseMs: number): void {
    this.clock.after(this.random() * pauseMs, () => {
      if (this.#isHealing) return;
      one.doSomething();
      this.#live(one, pauseMs);
    });
  }

  #settle(): void {
    drainMicrotasks();
    if (this.#failure !== undefined) fail(this.#failure);
  }
}

/** Runs one seed; errors name the seed. */
export function simulateClosed(seed: number, minutes: number, hubs = 3): ClosedWorld {
  try {
    const world = new ClosedWorld(seed, hubs);
    world.run(minutes * 60_000);
    return world;
  } catch (error) {
    const replay = `bun tests/sim/soak.ts --hubs ${hubs} --seed ${seed} --minutes ${minutes}`;
    const what = error instanceof Error ? error.message : String(error);
    throw new Error(`Seed ${seed}, members only: ${what} (replay it: ${replay})`, { cause: error });
  }
}
