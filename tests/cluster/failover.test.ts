// Three servers with a PostgreSQL that has a synchronous standby: servers die and stop, networks
// are cut, the standby stalls, the primary is killed and the standby takes over, while thirty users
// talk and move. Nothing acknowledged is lost or duplicated, names have one owner, and all users
// are shown where they are. FAULT_ROUNDS=10 for the long run, FAULT_SEED to repeat a failure.

import { expect } from "bun:test";
import {
  acknowledgedBy,
  chance,
  expectPromiseKept,
  gather,
  silence,
  type Talker,
} from "../fault/talker.ts";
import { until } from "../until.ts";
import { postgres as limits } from "../../src/limits.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Contest } from "./contest.ts";
import { ReplicatedSetting, type Site } from "./replicated-setting.ts";

const rounds = Number(process.env["FAULT_ROUNDS"] ?? 1);
const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);
const withPostgres = skipUnless(hasPostgres, withoutPostgres);

/** After this time, departed users are gone for everyone, and returned ones are present. */
const presenceMs = 15_000;

class Trial {
  readonly #setting: ReplicatedSetting;
  readonly #talkers: readonly Talker[];
  readonly #random: () => number;
  readonly done: string[] = [];
  /** A server that is currently stopped for longer than its lease. */
  #stopped: { site: Site; again: Promise<void> } | undefined;

  constructor(setting: ReplicatedSetting, talkers: readonly Talker[], random: () => number) {
    this.#setting = setting;
    this.#talkers = talkers;
    this.#random = random;
  }

  /** Each fault once, in random order. */
  async round(): Promise<void> {
    const faults = [
      () => this.#killServer(),
      () => this.#stopServer(),
      () => this.#cutDatabase(),
      () => this.#stallDatabase(),
      () => this.#moveClients(),
      () => this.#stallStandby(),
    ];
    while (faults.length > 0) {
      const [fault] = faults.splice(Math.floor(faults.length * this.#random()), 1);
      await fault?.();
      await this.progress(60);
    }
    await this.#stopped?.again;
    this.#stopped = undefined;
  }

  async failOver(): Promise<void> {
    this.done.push("the primary is killed");
    await this.#setting.failOver();
    await this.progress(100);
  }

  /** The conversation continues: this many more messages are acknowledged. */
  async progress(count: number): Promise<void> {
    const wanted = acknowledgedBy(this.#talkers) + count;
    await until(
      () => acknowledgedBy(this.#talkers) >= wanted,
      () => `${count} acknowledgements after: ${this.done.join(", ")}\n${this.#setting.log}`,
      60_000,
    );
  }

  async #killServer(): Promise<void> {
    const { server } = this.#site("is killed");
    await server.kill();
    await Bun.sleep(1_000 * this.#random());
    await server.start();
  }

  async #stopServer(): Promise<void> {
    const site = this.#site("stops for longer than its lease");
    const again = site.server.suspend(limits.leaseMs + 2_000 + 3_000 * this.#random());
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

  /** A server that is not stopped. */
  #site(what: string): Site {
    const sites = this.#setting.sites.filter((site) => site !== this.#stopped?.site);
    const site = sites[Math.floor(sites.length * this.#random())]!;
    this.done.push(`server ${this.#setting.sites.indexOf(site)} ${what}`);
    return site;
  }
}

async function expectPresence(setting: ReplicatedSetting, talkers: readonly Talker[]) {
  const expected = talkers.map(({ name }) => name).sort();
  const deadlineMs = performance.now() + presenceMs;
  for (;;) {
    const rows = await setting.query<{ folded: string }>(
      "SELECT folded FROM parley.members WHERE room = 'lobby' ORDER BY folded COLLATE \"C\"",
    );
    const seen = await Promise.all(talkers.map((talker) => talker.whoIsThere()));
    const lists = [rows.map(({ folded }) => folded), ...seen.map((names) => [...names].sort())];
    const isRight = lists.every((list) => list.join(" ") === expected.join(" "));
    if (isRight) return;
    if (performance.now() > deadlineMs) {
      for (const list of lists) expect(list).toEqual(expected);
    }
    await Bun.sleep(200);
  }
}

withPostgres(
  `three servers and a standby, ${rounds} times each fault (FAULT_SEED=${seed})`,
  async () => {
    const random = chance(seed);
    await using setting = await ReplicatedSetting.start(3);
    const { sites } = setting;
    const ports = sites.map(({ clients }) => clients.port);
    const talkers = await gather(30, ports, random, { inFlight: 2, pauseMs: 150 });
    using contest = new Contest(setting, ports, random);
    for (const talker of talkers) talker.talk();
    const trial = new Trial(setting, talkers, random);
    await trial.progress(100);
    for (let round = 1; round <= rounds; round++) await trial.round();
    await trial.failOver();
    await trial.progress(100);
    await contest.end();
    await silence(talkers);
    await expectPresence(setting, talkers);
    expectPromiseKept(talkers, await setting.lines());
    expect(contest.problems).toEqual([]);
    expect(contest.wins).toBeGreaterThan(0);
    const { log } = setting.primary;
    expect(log).not.toContain("canceling wait for synchronous replication");
    await Promise.all(talkers.map((talker) => talker.leave()));
    for (const { server } of sites) expect(await server.stop()).toBe(0);
  },
  90_000 + 60_000 * rounds,
);
