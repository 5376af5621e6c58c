// One of several servers on one simulated database: the real hub, store and feed
// (src/store/postgres/open.ts), as a process that starts, is paused, cut off and killed.

import type { DoorOptions } from "../../../src/chat/login/door-options.ts";
import { Rights } from "../../../src/chat/rights/rights.ts";
import { openDoor } from "../../chat/hub-options.ts";
import { Lifetime } from "../chat/lifetime.ts";
import { MachineClock, ProcessClock } from "../chat/machine-clock.ts";
import { ServerProcess } from "../chat/server-process.ts";
import type { Retention } from "../../../src/store/retention.ts";
import { openOn } from "../../../src/store/postgres/open.ts";
import { DatabaseLink, type SimulatedDatabase } from "./database.ts";

/** Messages of a process whose database is unreachable; any other message is a fault. */
const expected = /The connection was lost|This server was taken for dead/;

export class MemberProcess {
  /** Undefined: it has not started yet, or it is dead. */
  server: ServerProcess | undefined;
  link: DatabaseLink;
  #life = new Lifetime();
  #starts = 0;
  #opened: { readonly serverId: string; close(): void | Promise<void> } | undefined;
  #isStarting = false;
  readonly machine: MachineClock;

  constructor(
    readonly name: string,
    readonly database: SimulatedDatabase,
    readonly random: () => number,
    /** Reports what must never happen. */
    readonly failed: (what: string) => void,
    readonly retention: Partial<Retention> = {},
    readonly door: DoorOptions = openDoor,
  ) {
    this.machine = new MachineClock(database.clock, random);
    this.link = this.#begin();
  }

  /** Its current ID among the servers of the database. */
  get serverId(): string {
    return this.#opened?.serverId ?? "";
  }

  /** Where clients reach it. */
  get address(): string {
    return `${this.name}:1`;
  }

  get isUp(): boolean {
    return this.server !== undefined;
  }

  get isPaused(): boolean {
    return this.#life.isPaused;
  }

  start(): void {
    if (this.isUp || this.#isStarting) return;
    this.link = this.#begin();
  }

  pause(): void {
    this.#life.pause();
  }

  resume(): void {
    this.#life.resume(this.database.clock.settle);
  }

  /** SIGTERM: like the program, it ends once the store is closed, or cannot be. */
  stop(ends: () => void): void {
    const { server } = this;
    const opened = this.#opened;
    server?.stop(() => {
      const end = (): void => {
        if (this.server !== server) return;
        ends();
        this.kill();
      };
      void Promise.resolve(opened?.close()).then(end);
    });
  }

  /** SIGKILL. */
  kill(): void {
    this.link.close();
    this.#life.end();
    this.server?.kill();
    this.server = undefined;
    this.#isStarting = false;
  }

  #begin(): DatabaseLink {
    const life = new Lifetime();
    const link = new DatabaseLink(this.database, this.random, (work) => life.whenRunning(work));
    this.#isStarting = true;
    this.#life = life;
    void this.#open(link, life);
    return link;
  }

  async #open(link: DatabaseLink, life: Lifetime): Promise<void> {
    const { clock } = this.database;
    const name = `${this.name}.${++this.#starts}`;
    let ids = 0;
    const log = (line: string): void => {
      if (!expected.test(line)) this.failed(`${name} says: ${line}`);
    };
    const settings = { retention: this.retention, pin: "", log };
    const own = new ProcessClock(clock, () => this.machine.systemMs, this.machine.errorMs);
    const parts = {
      startTimer: (delayMs: number, run: () => void) => {
        let isOver = false;
        clock.after(delayMs, () => life.whenRunning(() => void (isOver || run())));
        return () => void (isOver = true);
      },
      newServerId: () => `${name}.${++ids}`,
      steadyMs: () => own.steadyMs,
      systemMs: () => this.machine.systemMs,
    };
    try {
      const opened = await openOn(link, settings, parts);
      if (life.isDead) return;
      await opened.setAddress?.(this.address);
      if (life.isDead) return;
      this.#opened = opened;
      const { epoch, answer, others } = opened;
      const rights = new Rights(opened.rights, opened.numbers);
      const failed = (error: unknown): void => this.failed(`${name}: ${String(error)}`);
      const { random, door } = this;
      const backing = { epoch, answer, others, rights, door, random, detach() {}, failed };
      this.server = new ServerProcess(clock, backing, undefined, life, name, own);
      this.#isStarting = false;
    } catch {
      if (life.isDead) return;
      // Like an operator's service manager.
      this.kill();
      clock.after(1_000, () => this.start());
    }
  }
}
