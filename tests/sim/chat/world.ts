// A whole system on one virtual clock, from one seed: the real hub, real client sessions, a real
// store behind a flaky one. Conditions change, connections are cut, the server is killed and
// restarted; in the end everything heals and every message must be there.

import { consoleActor } from "../../../src/chat/admin/actor.ts";
import type { LocalStore } from "../../../src/chat/turn/store.ts";
import { ratesFor } from "../../../src/chat/rates/rate-budget.ts";
import { fold } from "../../../src/chat/names/grammar.ts";
import { offers } from "../../../src/limits.ts";
import { nativeDialect } from "../../../src/dialects/native/native.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import type { Retention } from "../../../src/store/retention.ts";
import { seeded } from "../random.ts";
import type { Connection } from "./connection.ts";
import { FlakyStore, type StoreCondition } from "./flaky-store.ts";
import { HttpProgram } from "./http-program.ts";
import { Invitations } from "./invitations.ts";
import { IrcPerson } from "./irc-person.ts";
import { Judge } from "./judge.ts";
import { letterKey, Letters } from "./letters.ts";
import { MachineClock, ProcessClock } from "./machine-clock.ts";
import { NativePerson } from "./native-person.ts";
import { OfferChecks } from "./offer-checks.ts";
import { PlainPerson } from "./plain-person.ts";
import { plainWords, uncounted } from "./plain-words.ts";
import { ServerProcess } from "./server-process.ts";
import type { Surroundings } from "./surroundings.ts";
import { trace } from "./trace.ts";
import { fail, Truth } from "./truth.ts";
import { VirtualClock } from "./virtual-clock.ts";
import { keptBy, memberNames } from "../../chat/inspect.ts";

const startMs = 1_700_000_000_000;

const names = ["Ann", "Ben", "Cal", "Dora", "Eve", "Finn"];
/** Users of other dialects, in the order of their dialects. */
const plainNames = ["Olga", "Liam", "Cora", "Sven", "Nina"];
const ircNames = ["Iris", "Igor", "Ida"];
/** One of these is somebody's second device, and the others take any free name. */
const strangers = 3;

/** So small that rooms and mailboxes are trimmed while users are offline. */
const smallRetention = { messages: 60, mailMessages: 16, maxAgeMs: 120_000 };

type Store = LocalStore & { sweep?: () => boolean };

/** Opens the real store of a world. */
export type OpenStore = (
  epoch: string,
  clock: () => number,
  retention: Partial<Retention>,
) => Store;

const inMemory: OpenStore = (epoch, clock, retention) =>
  openMemoryStore({ epoch, clock, retention });

/** Registers the IRC users' names but the first, which belongs to nobody. */
function register(store: Store): Store {
  for (const name of ircNames.slice(1)) {
    const account = { account: `account-of-${name}`, atMs: startMs, key: undefined };
    const password = `hash of password of ${name}`;
    store.accounts.change({ ...account, type: "register", name, folded: fold(name), password });
  }
  return store;
}

export class World implements Surroundings {
  readonly clock = new VirtualClock();
  readonly truth = new Truth(
    (account) => account.replace(/^account-of-/, ""),
    () => this.clock.nowMs,
  );
  readonly letters = new Letters();
  readonly random: () => number;
  readonly machine: MachineClock;
  /** Otherwise its system clock is set now and then. */
  readonly isOrderedByTime: boolean;
  readonly native = nativeDialect({ name: "parley", udpPort: 1, messagesPerSecond: 0 });
  readonly store: FlakyStore;
  server: ServerProcess;
  readonly people: NativePerson[] = [];
  readonly #plain: PlainPerson[] = [];
  readonly #strangers: NativePerson[] = [];
  readonly #irc: readonly IrcPerson[];
  readonly #program: HttpProgram;
  readonly #judge: Judge;
  readonly #offers: OfferChecks;
  #connections: Connection[] = [];
  readonly #rate: number;
  readonly #renew: (() => Store) | undefined;
  #isHealing = false;
  /** Orders of the operator that are given again in the end. */
  readonly #failedOrders = new Set<string>();
  #isOver = false;

  /** `open`: the store behind the flaky one, by default in memory. */
  constructor(seed: number, open: OpenStore = inMemory) {
    this.random = seeded(seed);
    this.machine = new MachineClock(this.clock, this.random);
    this.isOrderedByTime = this.random() < 0.5;
    const retention = this.random() < 0.5 ? smallRetention : {};
    const now = (): number => this.clock.nowMs;
    const store = register(open(`epoch-${seed}`, now, retention));
    // A server without a data file forgets everything when it is killed.
    const mayForget = open === inMemory && this.random() < 0.3;
    this.#renew = mayForget
      ? () => register(open(`epoch-${seed}-${this.clock.nowMs}`, now, retention))
      : undefined;
    this.#sweep();
    this.store = new FlakyStore(store, this, this.machine);
    this.#rate = this.random() < 0.3 ? 20 : 0;
    this.server = this.#start();
    for (const [i, name] of names.entries()) {
      this.people.push(new NativePerson(this, name, `192.0.2.${i + 1}`));
    }
    for (const person of this.people) this.#live(person);
    for (const [i, words] of [...plainWords, uncounted(this.native)].entries()) {
      const plain = new PlainPerson(this, plainNames[i]!, `192.0.2.${100 + i}`, words);
      this.#plain.push(plain);
      this.#live(plain);
    }
    for (let i = 0; i < strangers; i++) {
      const address = `192.0.2.${200 + i}`;
      const owner = i === 0 ? this.people.at(-1) : undefined;
      const secret = owner?.secret ?? `secret-of-stranger-${i}-0123`;
      const name = owner?.name ?? `Stranger${i}`;
      const stranger = new NativePerson(this, name, address, secret, owner === undefined);
      if (owner !== undefined) owner.isShared = stranger.isShared = true;
      this.#strangers.push(stranger);
      this.#live(stranger);
    }
    const invitations = new Invitations();
    this.#irc = ircNames.map((name, i) => {
      return new IrcPerson(this, invitations, name, `127.0.0.${i + 1}`, i > 0, name === "Ida");
    });
    for (const person of this.#irc) this.#live(person);
    this.#program = new HttpProgram(this, "Robot", "192.0.2.240");
    this.#live(this.#program);
    this.#offers = new OfferChecks(this, this.people);
    const all = [...names, ...plainNames, ...ircNames];
    this.#judge = new Judge(this, this.machine, all);
    this.#live(this.#judge, 20_000);
    this.#changeStore();
    this.#injectFaults();
    this.#checkMembers();
    this.#deleteTexts();
    if (!this.isOrderedByTime) this.#setClock();
  }

  trace(who: string, way: "<" | ">" | "!", what: unknown): void {
    trace(this.clock.nowMs - startMs, who, way, what);
  }

  firstKept(room: string): number {
    return this.store.store.rooms.bounds(room).first;
  }

  mailKeptAfter(mailbox: string, mail: number): number {
    return this.store.store.mailboxes.countAfter(mailbox, mail).count;
  }

  keptMail(mailbox: string): ReadonlySet<string> {
    return new Set(this.store.store.mailboxes.list(mailbox).map(letterKey));
  }

  get names(): readonly string[] {
    return [...names, ...plainNames, ...ircNames].flatMap((name) => [name, `${name}-too`]);
  }

  online({ hub }: ServerProcess): ReadonlySet<string> {
    return new Set(memberNames(hub).map((name) => fold(name)));
  }

  anyName(): string {
    const all = this.random() < 0.7 ? names : plainNames;
    const name = all[Math.floor(this.random() * all.length)]!;
    return this.random() < 0.1 ? `${name}-too` : name;
  }

  anyRecipient(): string {
    const { random } = this;
    if (random() < 0.8) return this.anyName();
    return ircNames[Math.floor(random() * ircNames.length)]!;
  }

  watch(connection: Connection): void {
    this.#connections.push(connection);
  }

  /** A user has logged in: nobody else may have the name. */
  entered(who: string, name: string): void {
    const live = memberNames(this.server.hub).filter((other) => other === name);
    if (live.length > 1) fail(`${who}: ${name} is held ${live.length} times`);
    this.#judge.check();
  }

  /** Lets the chat run for a while, then heals everything; throws if an invariant is violated. */
  run(chatMs: number): void {
    this.clock.pass(chatMs);
    this.#isHealing = true;
    this.store.condition = "fine";
    if (this.server.isDead) this.server = this.#start();
    this.#judge.pardonAll();
    for (const line of this.#failedOrders) this.#order(line);
    for (const stranger of this.#strangers) stranger.leave();
    for (const person of [...this.#plain, ...this.#irc, this.#program]) person.leave();
    for (const person of this.people) {
      if (person.ended !== undefined) person.doSomething();
      else person.goHome();
    }
    for (let minute = 0; minute < 15; minute++) {
      this.clock.pass(60_000);
      for (const person of this.people) {
        if (person.ended !== undefined) person.doSomething();
        else person.goHome();
      }
      if (this.people.every((person) => person.isQuiet && person.isOnline)) break;
    }
    this.clock.pass(60_000);
    for (const person of this.people) {
      if (!person.isQuiet) fail(`${person.name} waits for an acknowledgement`);
      person.checkCaughtUp(this.truth);
    }
    for (const person of this.people) person.leave();
    this.#isOver = true;
    // Offers wait for senders who have lost their connection.
    this.clock.pass(offers.awayMs + 120_000);
    for (const [what, kept] of Object.entries(keptBy(this.server.hub))) {
      if (kept !== 0) fail(`${kept} ${what} are kept when everybody has left`);
    }
  }

  #start(): ServerProcess {
    // What it has stored goes on with its steady clock.
    const own = new ProcessClock(this.clock, () => this.machine.systemMs, 0);
    const rates = ratesFor(this.#rate);
    return new ServerProcess(this.clock, this.store.attach(), rates, undefined, undefined, own);
  }

  #live(person: { doSomething(): void }, pauseMs = 6_000): void {
    this.clock.after(this.random() * pauseMs, () => {
      if (this.#isHealing) return;
      person.doSomething();
      this.#live(person, pauseMs);
    });
  }

  #checkMembers(): void {
    this.clock.after(2_000, () => {
      const watchers = [...this.people, ...this.#strangers, ...this.#irc];
      for (const person of watchers) person.checkMembers();
      this.#program.check();
      this.#judge.check();
      this.#offers.check();
      if (!this.#isOver) this.#checkMembers();
    });
  }

  #sweep(): void {
    this.clock.after(10_000, () => {
      const store: Store = this.store.store;
      store.sweep?.();
      if (!this.#isOver) this.#sweep();
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

  #setClock(): void {
    this.clock.after(this.random() * 120_000, () => {
      if (this.#isHealing) return;
      this.machine.set();
      this.trace("server", "!", `the clock is ${this.machine.errorMs} ms ahead`);
      this.#setClock();
    });
  }

  /** An operator deletes one of the last messages of a room now and then. */
  #deleteTexts(): void {
    this.clock.after(this.random() * 20_000, () => {
      if (this.#isHealing) return;
      const room = this.random() < 0.5 ? "lobby" : "den";
      const last = this.truth.rooms.get(room)?.length ?? 0;
      this.#order(`delete ${room} ${Math.max(1, last - Math.floor(this.random() * 20))}`);
      this.#deleteTexts();
    });
  }

  #order(line: string): void {
    const { server } = this;
    server.run((hub) => {
      hub.handleAdmin(consoleActor, line, server.nowMs, (answer) => {
        this.trace("operator", "!", `${line}: ${JSON.stringify(answer)}`);
        // The disk may have failed only after it was carried out.
        if (!answer.ok && answer.code === "storage") this.#failedOrders.add(line);
      });
    });
  }

  /** Stops or kills the server now and then, and restarts it soon after. */
  #injectFaults(): void {
    this.clock.after(30_000 + this.random() * 240_000, () => {
      if (this.#isHealing) return;
      const { server } = this;
      if (this.random() < 0.3) server.stop(() => this.#end(server));
      else this.#end(server);
      this.#injectFaults();
    });
  }

  #end(server: ServerProcess): void {
    if (server.isDead) return;
    server.kill();
    this.#judge.ended(server, this.#renew !== undefined);
    for (const connection of this.#connections.splice(0)) {
      connection.cut(this.random() * 500, Infinity);
    }
    if (this.#renew !== undefined) this.store.replace(this.#renew());
    this.clock.after(this.random() * 5_000, () => {
      if (this.server.isDead) this.server = this.#start();
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
