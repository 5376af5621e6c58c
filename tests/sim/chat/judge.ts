// An operator of one server who bans people for a while, and pardons them, as they come and go.
// From the moment at which it is told that somebody is banned, nobody with that name is there.

import { consoleActor } from "../../../src/chat/admin/actor.ts";
import type { AdminAnswer } from "../../../src/chat/admin/answer.ts";
import { fold } from "../../../src/chat/names/grammar.ts";
import { memberNames } from "../../chat/inspect.ts";
import type { MachineClock } from "./machine-clock.ts";
import type { ServerProcess } from "./server-process.ts";
import type { Surroundings } from "./surroundings.ts";
import { fail } from "./truth.ts";

type Ban = {
  readonly untilMs: number;
  /** Undefined: it is stored, and outlasts the process. */
  readonly onlyIn: ServerProcess | undefined;
};

export class Judge {
  readonly #world: Surroundings;
  readonly #machine: MachineClock;
  readonly #people: readonly string[];
  /** By folded name. */
  readonly #bans = new Map<string, Ban>();
  /** How often each was pardoned. */
  readonly #pardons = new Map<string, number>();

  constructor(world: Surroundings, machine: MachineClock, people: readonly string[]) {
    this.#world = world;
    this.#machine = machine;
    this.#people = people;
  }

  doSomething(): void {
    const { random } = this.#world;
    const name = this.#people[Math.floor(random() * this.#people.length)]!;
    if (random() < 0.3) return this.#pardon(name);
    const termMs = 1_000 * (2 + Math.floor(random() * 20));
    const pardons = this.#pardons.get(name);
    // The server's clock may be a little behind.
    const untilMs = this.#machine.earliestMs + termMs - 1_000;
    this.#order(`ban ${name} --for ${termMs / 1_000}s`, (answer, server) => {
      if (!answer.ok || this.#pardons.get(name) !== pardons) return;
      const isStored = answer.message?.includes("only until the server stops") !== true;
      this.#bans.set(fold(name), { untilMs, onlyIn: isStored ? undefined : server });
      this.check();
    });
  }

  /** Everybody may return. */
  pardonAll(): void {
    for (const name of this.#people) this.#pardon(name);
  }

  /** The server is killed: what it had stored may be lost, too. */
  ended(server: ServerProcess, isLost: boolean): void {
    for (const [name, { onlyIn }] of this.#bans) {
      if (isLost || onlyIn === server) this.#bans.delete(name);
    }
  }

  check(): void {
    const { server } = this.#world;
    if (server === undefined || server.isDead) return;
    const there = new Set(memberNames(server.hub).map((name) => fold(name)));
    for (const [name, { untilMs }] of this.#bans) {
      if (this.#machine.latestMs >= untilMs) this.#bans.delete(name);
      else if (there.has(name)) fail(`${name} is there, and banned`);
    }
  }

  #pardon(name: string): void {
    this.#pardons.set(name, 1 + (this.#pardons.get(name) ?? 0));
    this.#bans.delete(fold(name));
    this.#order(`unban ${name}`, () => {});
  }

  #order(line: string, then: (answer: AdminAnswer, server: ServerProcess) => void): void {
    const { server } = this.#world;
    server?.run((hub) => {
      hub.handleAdmin(consoleActor, line, server.nowMs, (answer) => {
        this.#world.trace("judge", "!", `${line}: ${JSON.stringify(answer)}`);
        then(answer, server);
      });
    });
  }
}
