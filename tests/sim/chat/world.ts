// A whole system on one virtual clock, from one seed: the real hub, real client sessions, a real
// store behind a flaky one. Conditions change, connections are cut, the server is killed and
// restarted; in the end everything heals and every message must be there.

import type { LocalStore } from "../../../src/chat/store.ts";
import { ratesFor } from "../../../src/chat/rate-budget.ts";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { nativeDialect } from "../../../src/dialects/native/native.ts";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { openMemoryStore } from "../../../src/store/memory.ts";
import { seeded } from "../random.ts";
import type { Connection } from "./connection.ts";
import { FlakyStore, type StoreCondition } from "./flaky-store.ts";
import { NativePerson } from "./native-person.ts";
import { PlainPerson } from "./plain-person.ts";
import { ServerProcess } from "./server-process.ts";
import type { Surroundings } from "./surroundings.ts";
import { fail, Truth } from "./truth.ts";
import { VirtualClock } from "./virtual-clock.ts";

const startMs = 1_700_000_000_000;

const names = ["Ann", "Ben", "Cal", "Dora", "Eve", "Finn"];

/** Opens the real store of a world. */
export type OpenStore = (epoch: string, clock: () => number) => LocalStore;

const inMemory: OpenStore = (epoch, clock) => openMemoryStore({ epoch, clock });

export class World implements Surroundings {
  readonly clock = new VirtualClock();
  readonly truth = new Truth();
  readonly random: () => number;
  readonly native = nativeDialect({ name: "parley", udpPort: 1, messagesPerSecond: 0 });
  readonly store: FlakyStore;
  server: ServerProcess;
  readonly people: NativePerson[] = [];
  readonly #plain: PlainPerson[] = [];
  #connections: Connection[] = [];
  readonly #rate: number;
  #isHealing = false;

  /** `open`: the store behind the flaky one, by default in memory. */
  constructor(seed: number, open: OpenStore = inMemory) {
    this.random = seeded(seed);
    const store = open(`epoch-${seed}`, () => this.clock.nowMs);
    this.store = new FlakyStore(store, this.truth, this.clock, this.random);
    this.#rate = this.random() < 0.3 ? 20 : 0;
    this.server = this.#start();
    for (const [i, name] of names.entries()) {
      this.people.push(new NativePerson(this, name, `192.0.2.${i + 1}`));
    }
    for (const person of this.people) this.#live(person);
    for (const [i, dialect] of [openChat, lineChat].entries()) {
      const plain = new PlainPerson(this, `Plain${i}`, `192.0.2.${100 + i}`, dialect);
      this.#plain.push(plain);
      this.#live(plain);
    }
    this.#changeStore();
    this.#injectFaults();
  }

  /**
   * A trace of everything sent, received and reported, for debugging a seed: SIM_TRACE=Ann (or
   * all).
   */
  trace(who: string, way: "<" | ">" | "!", what: string): void {
    const wanted = process.env["SIM_TRACE"];
    if (wanted === undefined || (wanted !== "all" && wanted !== who)) return;
    console.log(
      `${(this.clock.nowMs - startMs) / 1000} ${who} ${way} ${what.trimEnd().slice(0, 300)}`,
    );
  }

  anyName(): string {
    const name = names[Math.floor(this.random() * names.length)]!;
    return this.random() < 0.1 ? `${name}-too` : name;
  }

  watch(connection: Connection): void {
    this.#connections.push(connection);
    if (this.#connections.length > 200) this.#connections.splice(0, 100);
  }

  /** Somebody logged in: nobody else may have the name. */
  entered(who: string, name: string): void {
    const live = this.server.hub.memberNames().filter((other) => other === name);
    if (live.length > 1) fail(`${who}: ${name} is held ${live.length} times`);
  }

  /** Lets the chat run for a while, then heals everything; throws if an invariant is violated. */
  run(chatMs: number): void {
    this.clock.pass(chatMs);
    this.#isHealing = true;
    this.store.condition = "fine";
    if (this.server.isDead) this.server = this.#start();
    for (const person of this.people) if (person.ended !== undefined) person.doSomething();
    for (let minute = 0; minute < 15; minute++) {
      this.clock.pass(60_000);
      for (const person of this.people) if (person.ended !== undefined) person.doSomething();
      if (this.people.every((person) => person.isQuiet && person.isOnline)) break;
    }
    this.clock.pass(60_000);
    for (const person of this.people) {
      if (!person.isQuiet) fail(`${person.name} waits for an acknowledgement`);
      person.checkCaughtUp(this.truth);
    }
    for (const person of this.people) person.leave();
    for (const plain of this.#plain) plain.leave();
    this.clock.pass(120_000);
    for (const [what, kept] of Object.entries(this.server.hub.kept)) {
      if (kept !== 0) fail(`${kept} ${what} are kept when everybody has left`);
    }
  }

  #start(): ServerProcess {
    return new ServerProcess(this.clock, this.store, ratesFor(this.#rate));
  }

  #live(person: { doSomething(): void }): void {
    this.clock.after(this.random() * 6_000, () => {
      if (this.#isHealing) return;
      person.doSomething();
      this.#live(person);
    });
  }

  #changeStore(): void {
    this.clock.after(this.random() * 40_000, () => {
      if (this.#isHealing) return;
      const conditions: readonly StoreCondition[] = [
        "fine",
        "fine",
        "slow",
        "full",
        "unreadable",
        "forgetful",
      ];
      this.store.condition = conditions[Math.floor(this.random() * conditions.length)]!;
      this.#changeStore();
    });
  }

  /** The server is killed now and then, and restarted soon after. */
  #injectFaults(): void {
    this.clock.after(30_000 + this.random() * 240_000, () => {
      if (this.#isHealing) return;
      this.server.kill();
      for (const connection of this.#connections.splice(0)) {
        connection.cut(this.random() * 500, Infinity);
      }
      this.clock.after(this.random() * 5_000, () => {
        if (this.server.isDead) this.server = this.#start();
      });
      this.#injectFaults();
    });
  }
}

/** Runs one seed; errors name the seed. */
export function simulate(seed: number, minutes: number, open?: OpenStore): World {
  const world = new World(seed, open);
  try {
    world.run(minutes * 60_000);
    return world;
  } catch (error) {
    const replay = `replay it alone: bun tests/sim/soak.ts --seed ${seed} --minutes ${minutes}`;
    throw new Error(
      `Seed ${seed}: ${error instanceof Error ? error.message : String(error)} (${replay})`,
      {
        cause: error,
      },
    );
  }
}
