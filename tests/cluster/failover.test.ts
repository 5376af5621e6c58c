// Three servers with a PostgreSQL that has a synchronous standby: servers die and stop, networks
// are cut, the standby stalls, the primary is killed and the standby takes over, while thirty users
// talk and move. Nothing acknowledged is lost or duplicated, names have one owner, and all users
// are shown where they are. FAULT_ROUNDS=50 for the long run with as many kills of servers,
// FAULT_SEED to repeat a failure.

import { expect } from "bun:test";
import {
  acknowledgedBy,
  chance,
  expectPromiseKept,
  gather,
  silence,
  type Talker,
} from "../fault/talker.ts";
import { noteTime } from "../times.ts";
import { patienceMs, until } from "../until.ts";
import { postgres as limits } from "../../src/limits.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Contest } from "./contest.ts";
import { ReplicatedSetting, type Site } from "./replicated-setting.ts";

const rounds = Number(process.env["FAULT_ROUNDS"] ?? 1);
const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);
const withPostgres = skipUnless(hasPostgres, withoutPostgres);

/** By then departed users are gone for everyone, and returned ones are present. */
const presenceMs = 15_000;

class Trial {
  readonly #setting: ReplicatedSetting;
  readonly #talkers: readonly Talker[];
  readonly #random: () => number;
  /** Every fault so far. */
  readonly done: string[] = [];
  /** A server that is currently stopped for longer than its lease. */
  #stopped: { site: Site; again: Promise<void> } | undefined;

  constructor(setting: ReplicatedSetting, talkers: readonly Talker[], random: () => number) {
    this.#setting = setting;
    this.#talkers = talkers;
    this.#random = random;
  }

  /** Every kind of fault, in a random order; servers are killed most often. */
  async run(kills: number): Promise<void> {
    const some = Math.ceil(kills / 5);
    const faults = [
      ...repeated(kills, () => this.#killServer()),
      ...repeated(some, () => this.#stopServer()),
      ...repeated(some, () => this.#cutDatabase()),
      ...repeated(some, () => this.#stallDatabase()),
      ...repeated(some, () => this.#moveClients()),
      ...repeated(some, () => this.#stallStandby()),
      ...repeated(Math.ceil(kills / 10), () => this.#failOver()),
    ];
    for (let left = faults.length; left > 0; left--) {
      const [fault] = faults.splice(Math.floor(left * this.#random()), 1);
      await fault?.();
      await this.progress(60);
      if (left % 10 === 1) await this.#expectPresence();
    }
  }

  /** Everybody is shown where they are once every server runs, while they go on talking. */
  async #expectPresence(): Promise<void> {
    await this.#stopped?.again;
    await expectPresence(this.#setting, this.#talkers);
  }

  async #failOver(): Promise<void> {
    this.done.push("the primary is killed");
    await this.#setting.failOver();
  }

  /** The conversation continues: this many more messages are acknowledged. */
  async progress(count: number): Promise<void> {
    const wanted = acknowledgedBy(this.#talkers) + count;
    await until(
      () => acknowledgedBy(this.#talkers) >= wanted,
      () => `${count} acknowledgements after: ${this.done.join(", ")}\n${this.#setting.log}`,
    );
  }

  async #killServer(): Promise<void> {
    const { server } = this.#site("is killed");
    await server.kill();
    await Bun.sleep(1_000 * this.#random());
    await server.start();
  }

  async #stopServer(): Promise<void> {
    await this.#stopped?.again;
    const site = this.#site("stops for longer than its lease");
    const stoppedMs = limits.leaseMs + 2_000 + 3_000 * this.#random();
    const again = site.server.suspend(stoppedMs).then(() => void (this.#stopped = undefined));
    this.#stopped = { site, again };
  }

  async #cutDatabase(): Promise<void> {
    const { databases } = this.#site("loses the database");
    for (const gate of databases) gate.shut();
    await Bun.sleep(200 + 2_000 * this.#random());
    for (const gate of databases) gate.open();
  }

  async #stallDatabase(): Promise<void> {
    const { databases } = this.#site("gets no answer from the database");
    for (const gate of databases) gate.stall();
    await Bun.sleep(500 + 3_000 * this.#random());
    for (const gate of databases) gate.open();
  }

  async #moveClients(): Promise<void> {
    const { clients } = this.#site("loses half of its clients");
    clients.cut(() => this.#random() < 0.5);
  }

  /** Commits wait, and must not be abandoned. */
  async #stallStandby(): Promise<void> {
    this.done.push("the standby stalls");
    this.#setting.replication.stall();
    await Bun.sleep(500 + 2_000 * this.#random());
    this.#setting.replication.open();
  }

  /** How often each fault has happened. */
  get summary(): string {
    const kinds = Map.groupBy(this.done, (what) => what.replace(/\d+ /, ""));
    return Array.from(kinds, ([what, all]) => `${all.length} x ${what}`).join(", ");
  }

  /** A server that is not stopped now. */
  #site(what: string): Site {
    const sites = this.#setting.sites.filter((site) => site !== this.#stopped?.site);
    const site = sites[Math.floor(sites.length * this.#random())]!;
    this.done.push(`server ${this.#setting.sites.indexOf(site)} ${what}`);
    return site;
  }
}

function repeated<T>(times: number, one: T): T[] {
  return Array.from({ length: times }, () => one);
}

async function expectPresence(setting: ReplicatedSetting, talkers: readonly Talker[]) {
  const expected = talkers.map(({ name }) => name).sort();
  const startedMs = performance.now();
  for (;;) {
    const rows = await setting.query<{ folded: string }>(
      "SELECT folded FROM parley.members WHERE room = 'lobby' ORDER BY folded COLLATE \"C\"",
    );
    const seen = await Promise.all(talkers.map((talker) => talker.whoIsThere()));
    const lists = [rows.map(({ folded }) => folded), ...seen.map((names) => [...names].sort())];
    const isRight = lists.every((list) => list.join(" ") === expected.join(" "));
    const tookMs = performance.now() - startedMs;
    if (isRight) return noteTime("the right presence everywhere", tookMs, presenceMs);
    if (tookMs > patienceMs) for (const list of lists) expect(list).toEqual(expected);
    await Bun.sleep(200);
  }
}

withPostgres(
  `three servers and a standby, ${rounds} kills of servers and every other fault (FAULT_SEED=${seed})`,
  async () => {
    // The faults have numbers of their own, so that a seed has the same ones in every run.
    const random = chance(seed + 1);
    await using setting = await ReplicatedSetting.start(3);
    const { sites } = setting;
    const ports = sites.map(({ clients }) => clients.port);
    const talkers = await gather(30, ports, random, { inFlight: 2, pauseMs: 150 });
    using contest = new Contest(setting, ports, random);
    for (const talker of talkers) talker.talk();
    const trial = new Trial(setting, talkers, chance(seed));
    await trial.progress(100);
    await trial.run(rounds);
    await trial.progress(100);
    await contest.end();
    await silence(talkers);
    await expectPresence(setting, talkers);
    const lines = await setting.lines();
    expectPromiseKept(talkers, lines);
    expect(contest.problems).toEqual([]);
    expect(contest.wins).toBeGreaterThan(0);
    expect(setting.databaseLog).not.toContain("canceling wait for synchronous replication");
    if (rounds > 1) {
      const returns = talkers.reduce((sum, talker) => sum + talker.returns, 0);
      const told = `${lines.length} messages, ${returns} reconnections, ${contest.wins} claims`;
      console.log(`FAULT_SEED=${seed}: ${trial.summary}; ${told}`);
    }
    await Promise.all(talkers.map((talker) => talker.leave()));
    for (const { server } of sites) expect(await server.stop()).toBe(0);
  },
  180_000 + 60_000 * rounds,
);
