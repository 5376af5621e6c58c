// Several servers as one, on one virtual clock, from one seed: real hubs, stores and feeds on a
// simulated database, real client sessions that move between them. Servers are killed, paused for
// longer than their lease, and cut off from the database and from clients; the database fails over.
// In the end everything heals: every message must be there, and all users must be shown where they
// are.

import { drainMicrotasks } from "bun:jsc";
import { accountMark } from "../../../src/chat/accounts/account-store.ts";
import { fold } from "../../../src/chat/names/grammar.ts";
import { defaultRetention, type Retention } from "../../../src/store/retention.ts";
import type { Value } from "../../../src/store/postgres/database.ts";
import { offers } from "../../../src/limits.ts";
import { nativeDialect } from "../../../src/dialects/native/native.ts";
import type { Connection } from "../chat/connection.ts";
import { HttpProgram } from "../chat/http-program.ts";
import { Invitations } from "../chat/invitations.ts";
import { IrcPerson } from "../chat/irc-person.ts";
import { letterKey, Letters } from "../chat/letters.ts";
import { NativePerson } from "../chat/native-person.ts";
import { OfferChecks } from "../chat/offer-checks.ts";
import { PlainPerson } from "../chat/plain-person.ts";
import { plainWords, uncounted } from "../chat/plain-words.ts";
import type { ServerProcess } from "../chat/server-process.ts";
import type { Surroundings } from "../chat/surroundings.ts";
import { isTraced, trace } from "../chat/trace.ts";
import { fail, Truth } from "../chat/truth.ts";
import { VirtualClock } from "../chat/virtual-clock.ts";
import { seeded } from "../random.ts";
import { CalledPeer, Caller } from "./call-ends.ts";
import { CodeGuest, CodeSender } from "./code-ends.ts";
import type { Done, SaidJson } from "./commit.ts";
import { type Lie, SimulatedDatabase } from "./database.ts";
import { Faults } from "./faults.ts";
import type { JsonClient } from "./json-client.ts";
import { MemberProcess } from "./member-process.ts";
import { Operator } from "./operator.ts";
import { OwnedDevice, Owner } from "./owned-device.ts";
import type { Swept } from "./tables.ts";
import { keptBy, membersOf, nameHolders } from "../../chat/inspect.ts";

const names = ["Ann", "Ben", "Cal", "Dora", "Eve", "Finn"];
/** Users of other dialects, in the order of their dialects. */
const plainNames = ["Olga", "Liam", "Cora", "Sven", "Nina"];
const ircNames = ["Iris", "Igor", "Ida"];
/** The user of several devices. */
const ownerName = "Olaf";
/** The time after which departed users must be gone for everyone. */
const presenceMs = 15_000;

/** So small that rooms, mailboxes and what is in them are deleted while users are offline. */
const smallRetention = { messages: 60, mailMessages: 16, maxAgeMs: 240_000, rooms: 4 };
/**
 * How much earlier than after half of that time, since clocks run at most twice as fast, and later,
 * something may be deleted.
 */
const sweepMs = 60_000;

export class ClusterWorld implements Surroundings {
  readonly clock = new VirtualClock(() => this.#settle());
  readonly truth = new Truth(
    (id) => this.database.tables.accounts.accounts.get(id)?.name,
    () => this.clock.nowMs,
  );
  readonly isShared = true;
  readonly isOrderedByTime = false;
  readonly letters = new Letters();
  readonly random: () => number;
  readonly native = nativeDialect({ name: "parley", udpPort: 1, messagesPerSecond: 0 });
  readonly database: SimulatedDatabase;
  readonly members: readonly MemberProcess[];
  readonly people: readonly NativePerson[];
  readonly #plain: readonly PlainPerson[];
  readonly #irc: readonly IrcPerson[];
  readonly #program: HttpProgram;
  readonly #devices: readonly OwnedDevice[];
  readonly #operator: Operator;
  readonly #peer: CalledPeer;
  readonly #codeSender: CodeSender;
  readonly #seekers: readonly JsonClient[];
  readonly #faults: Faults;
  readonly #offers: OfferChecks;
  #isHealing = false;
  #failure: string | undefined;
  readonly #startMs = this.clock.nowMs;

  readonly #retention: Retention;

  constructor(seed: number, hubs: number, lie?: Lie) {
    this.random = seeded(seed);
    const retention = this.random() < 0.5 ? smallRetention : {};
    this.#retention = { ...defaultRetention("disk"), ...retention };
    const payloadBytes = this.random() < 0.7 ? 7_900 : 300;
    const events = {
      failed: (what: string) => void (this.#failure ??= what),
      committed: (done: Done) => this.#committed(done),
      swept: (what: Swept) => this.#checkSwept(what),
      ran: (text: string, values: readonly Value[]) => {
        // Messages reach the claimant of a name before the claimant is notified.
        if (text.includes("parley.claim(")) {
          const [, , folded, holder, record] = values.map(String);
          // An owner's record, too: it has the name by itself if the account is deleted.
          for (const id of [holder, record]) if (id) this.truth.named(id, folded ?? "");
        }
        if (isTraced("database")) this.trace("database", "<", statementLine(text, values));
      },
    };
    const options = { payloadBytes, epoch: `epoch-${seed}`, lie };
    this.database = new SimulatedDatabase(this.clock, options, events);
    this.members = Array.from(
      { length: hubs },
      (_, i) =>
        new MemberProcess(
          `s${i + 1}`,
          this.database,
          this.random,
          (what) => void (this.#failure ??= what),
          retention,
        ),
    );
    this.clock.pass(1_000);
    this.people = names.map((name, i) => new NativePerson(this, name, `192.0.2.${i + 1}`));
    this.#plain = [...plainWords, uncounted(this.native)].map(
      (words, i) => new PlainPerson(this, plainNames[i]!, `192.0.2.${100 + i}`, words),
    );
    this.#offers = new OfferChecks(this, this.people);
    const invitations = new Invitations();
    this.#irc = ircNames.map((name, i) => {
      return new IrcPerson(this, invitations, name, `127.0.0.${i + 1}`, i > 0, name === "Ida");
    });
    const { tables } = this.database;
    for (const name of ircNames.slice(1)) {
      const account = { id: `account-of-${name}`, name, folded: fold(name), mail: 0 };
      tables.accounts.putAccount({ ...account, password: `hash of password of ${name}` }, []);
    }
    for (const name of [ownerName, ...ircNames.slice(1)]) this.truth.owned.add(fold(name));
    const isReachable = (server: ServerProcess): boolean => this.isReachable(server);
    const owner = new Owner(ownerName, tables.accounts, isReachable, () =>
      this.#whileRegistering(),
    );
    this.#devices = ["desk", "phone", "web", "tablet"].map(
      (label, i) => new OwnedDevice(this, owner, label, `192.0.2.${220 + i}`, i < 2),
    );
    const moderated = [...plainNames, ...ircNames, ownerName];
    this.#operator = new Operator(this, this.members, tables, isReachable, moderated, ownerName);
    const places = { tables, members: this.members, isReachable };
    this.#peer = new CalledPeer(this, places);
    this.#codeSender = new CodeSender(this, places);
    const seekers = [new Caller(this), new CodeGuest(this, this.#codeSender)];
    this.#seekers = seekers;
    const placed = [this.#peer, this.#codeSender];
    this.#program = new HttpProgram(this, "Robot", "192.0.2.240");
    const others = [...this.#devices, this.#operator, ...placed, ...seekers, this.#program];
    const all = [...this.people, ...this.#plain, ...this.#irc, ...others];
    for (const person of all) this.#live(person);
    this.#faults = new Faults(this, this.database, this.members);
    this.#faults.begin();
    this.#watch();
    this.#watchViews();
    this.#visitTogether();
  }

  trace(who: string, way: "<" | ">" | "!", what: unknown): void {
    trace(this.clock.nowMs - this.#startMs, who, way, what);
  }

  /** The server that a client reaches now; undefined: none listens. */
  get server(): ServerProcess | undefined {
    return this.members[Math.floor(this.random() * this.members.length)]?.server;
  }

  serverAt(address: string): ServerProcess | undefined {
    return this.members.find((member) => member.address === address)?.server;
  }

  isTakenForDead(server: ServerProcess): boolean {
    const member = this.members.find((one) => one.server === server);
    return this.database.tables.servers.get(member?.serverId ?? "")?.isOver !== false;
  }

  /** Whether the server can know what the database has. */
  isReachable(server: ServerProcess): boolean {
    const link = this.members.find((one) => one.server === server)?.link;
    const isCut = link?.condition === "cut" || this.database.isAway;
    return !isCut && !this.isTakenForDead(server);
  }

  isMember(room: string, name: string): boolean {
    return this.database.tables.membersOf(room).some(({ folded }) => folded === fold(name));
  }

  firstKept(room: string): number {
    const found = this.database.tables.rooms.get(room);
    // Nothing is kept of a room that retention has dropped.
    if (found === undefined) return (this.truth.rooms.get(room)?.length ?? 0) + 1;
    return Math.max(found.first, found.last - this.#retention.messages + 1);
  }

  mailKeptAfter(mailbox: string, after: number): number {
    const rows = this.database.tables.mail.get(mailbox) ?? [];
    return rows.filter(({ mail }) => mail > after).length;
  }

  keptMail(mailbox: string): ReadonlySet<string> {
    return new Set(this.database.tables.mail.get(mailbox)?.map(letterKey));
  }

  get names(): readonly string[] {
    const all = [...names, ...plainNames, ...ircNames, ownerName];
    return all.flatMap((name) => [name, `${name}-too`]);
  }

  online(server: ServerProcess): ReadonlySet<string> {
    const { people, servers } = this.database.tables;
    const living = [...people.values()].filter((row) => servers.get(row.server)?.isOver === false);
    return new Set([...living.map(({ folded }) => folded), ...nameHolders(server.hub).keys()]);
  }

  anyName(): string {
    const all = this.random() < 0.7 ? names : plainNames;
    const name = all[Math.floor(this.random() * all.length)]!;
    return this.random() < 0.1 ? `${name}-too` : name;
  }

  anyRecipient(): string {
    const dice = this.random();
    if (dice < 0.8) return this.anyName();
    return dice < 0.92 ? ownerName : ircNames[dice < 0.96 ? 1 : 2]!;
  }

  watch(connection: Connection, server: ServerProcess): void {
    this.#faults.watch(connection, server);
  }

  entered(): void {
    this.#checkNames();
  }

  /** Lets the chat run for a while, then heals everything; throws if an invariant is violated. */
  run(chatMs: number): void {
    this.clock.pass(chatMs);
    this.#isHealing = true;
    this.#faults.heal();
    this.#expectPresence();
    this.#operator.pardonAll();
    // Until then they have received what was sent before.
    this.clock.pass(30_000);
    for (const device of this.#devices) device.checkCaughtUp();
    for (const client of [this.#peer, this.#codeSender]) client.checkPlace();
    this.#codeSender.end();
    for (const client of [this.#peer, this.#codeSender, ...this.#seekers]) client.leave();
    for (const client of [...this.#plain, ...this.#irc, ...this.#devices, this.#program]) {
      client.leave();
    }
    for (let minute = 0; minute < 15; minute++) {
      for (const person of this.people) {
        if (person.ended !== undefined) person.doSomething();
        else person.goHome();
      }
      this.clock.pass(60_000);
      if (this.people.every((person) => person.isQuiet && person.isOnline)) break;
    }
    this.clock.pass(60_000);
    for (const person of this.people) {
      if (!person.isQuiet) fail(`${person.name} waits for an acknowledgement`);
      person.checkCaughtUp(this.truth);
    }
    const problem = this.#presenceProblem();
    if (problem !== undefined) fail(`In the end, ${problem}`);
    this.#expectNothingKept();
  }

  #expectNothingKept(): void {
    for (const person of this.people) person.leave();
    // Offers wait for senders who have lost their connection.
    this.clock.pass(offers.awayMs + 120_000);
    this.#expectNothingOld();
    for (const { server, name } of this.members) {
      for (const [what, kept] of Object.entries(server === undefined ? {} : keptBy(server.hub))) {
        if (kept !== 0) fail(`${name} keeps ${kept} ${what} when everybody has left`);
      }
    }
    const { tables } = this.database;
    for (const { folded, holder } of tables.names.values()) {
      fail(`The database has ${folded} for ${holder}, who has left`);
    }
    for (const { room, name } of tables.members()) fail(`The database has ${name} in ${room}`);
  }

  #settle(): void {
    drainMicrotasks();
    if (this.#failure !== undefined) fail(this.#failure);
  }

  #committed(done: Done): void {
    const { rooms, firsts, people, letters, counters, moved, erased, dropped } = done;
    const { opened = [], forgotten } = done;
    for (const room of opened) this.truth.opened(room);
    if (forgotten !== undefined) this.truth.forgotten(forgotten);
    if (dropped !== undefined) this.truth.dropped(dropped);
    if (moved !== undefined) this.truth.moved(moved);
    if (erased !== undefined) this.truth.erased({ ...erased, atMs: this.clock.nowMs });
    for (const { session, timeMs, id, person, personName: name } of letters) {
      this.letters.add(session, { timeMs, id, person, name, atMs: this.clock.nowMs });
    }
    const kept = letters
      .map((letter, i) => ({ letter, mail: counters[i] ?? 0 }))
      .filter(({ mail }) => mail > 0);
    const batch = {
      rooms: rooms.map(({ room, rows }) => ({ room, runs: rows.flatMap(runsOf) })),
      sessions: people,
      mail: kept.map(({ letter: { session, message, timeMs } }) => {
        return { session, message: { ...message, timeMs } };
      }),
    };
    // Of whichever process it is.
    const machine = this.members.find(({ name }) => done.server?.startsWith(`${name}.`))?.machine;
    const mayShow = (shownMs: number, sentMs: number): boolean =>
      machine?.mayShow(shownMs, sentMs, this.clock.nowMs) === true;
    this.truth.committed(batch, { rooms: firsts, mail: kept.map(({ mail }) => mail) }, mayShow);
  }

  /** Nothing is deleted before its time, whatever the clocks of the servers say. */
  #checkSwept({ what, trueMs, isSurplus }: Swept): void {
    const agedMs = this.clock.nowMs - trueMs;
    if (isSurplus || agedMs >= this.#retention.maxAgeMs / 2 - sweepMs) return;
    this.#failure ??= `${what} is deleted after ${agedMs} ms`;
  }

  /** A server that runs deletes what is too old. */
  #expectNothingOld(): void {
    const oldMs = this.clock.nowMs - this.#retention.maxAgeMs - sweepMs;
    const { batches, mail } = this.database.tables;
    for (const [room, rows] of batches) {
      if (rows.some(({ trueMs }) => trueMs < oldMs)) fail(`What was said in ${room} is still kept`);
    }
    for (const [session, rows] of mail) {
      if (rows.some(({ trueMs }) => trueMs < oldMs)) fail(`The mail of ${session} is still kept`);
    }
  }

  #live(person: { doSomething(): void }): void {
    this.clock.after(this.random() * 6_000, () => {
      if (this.#isHealing) return;
      person.doSomething();
      this.#live(person);
    });
  }

  /** What others do at several servers crosses what the owner does at this moment. */
  #whileRegistering(): void {
    for (const person of this.people) {
      this.clock.after(this.random() * 20, () => person.tell(ownerName));
    }
    if (this.random() > 0.1) return;
    this.clock.after(this.random() * 2_000, () => this.#operator.order(`forget ${ownerName}`));
  }

  /** Users at different servers open a room at the same moment. */
  #visitTogether(): void {
    this.clock.after(this.random() * 20_000, () => {
      if (this.#isHealing) return;
      for (const person of this.#irc) person.visit("plaza");
      this.#visitTogether();
    });
  }

  #watch(): void {
    this.clock.after(500, () => {
      this.#checkNames();
      this.#checkOperators();
      this.#watch();
    });
  }

  /** What may be wrong for a while. */
  #watchViews(): void {
    this.clock.after(2_000, () => {
      for (const person of [...this.people, ...this.#irc]) person.checkMembers();
      for (const device of this.#devices) device.check();
      for (const client of [this.#peer, this.#codeSender]) client.check();
      this.#operator.check();
      this.#program.check();
      this.#offers.check();
      this.#watchViews();
    });
  }

  /** Each live server only has names that belong to its users according to the database. */
  #checkNames(): void {
    const { servers, names: rows } = this.database.tables;
    for (const { server, serverId, name } of this.members) {
      if (server === undefined || servers.get(serverId)?.isOver !== false) continue;
      for (const [folded, key] of nameHolders(server.hub)) {
        const holder = key.startsWith("#") ? `${serverId}${key}` : key;
        const row = rows.get(`${folded} ${serverId}`);
        // Just registered: the session had the name, and the account is to have it.
        const isRegistered = holder.startsWith(accountMark) && row !== undefined;
        if (row?.holder !== holder && !isRegistered) {
          fail(`${name} has ${folded} for ${holder}, the database for ${row?.holder}`);
        }
      }
    }
  }

  /** Nobody makes others operators there: the room has none but whoever has opened it. */
  #checkOperators(): void {
    const members = this.database.tables.membersOf("plaza");
    const ranked = members.filter(({ rank }) => rank?.includes('"isOperator":true') === true);
    const operators = new Set(ranked.map(({ folded }) => folded));
    if (operators.size > 1) fail(`plaza has the operators ${[...operators].join(" ")}`);
  }

  /** Within seconds all users are shown where they are, at all servers and in the database. */
  #expectPresence(): void {
    let problem: string | undefined;
    for (let waitedMs = 0; waitedMs <= presenceMs; waitedMs += 100) {
      problem = this.#presenceProblem() ?? this.#operator.disagreement();
      if (problem === undefined) return;
      this.clock.pass(100);
    }
    fail(`${presenceMs} ms after the last fault, ${problem}`);
  }

  #presenceProblem(): string | undefined {
    const hubs = this.members.map(({ server, name }) => ({ name, hub: server?.hub }));
    const rooms = new Set(hubs.flatMap(({ hub }) => hub?.openRooms() ?? []));
    const { tables } = this.database;
    for (const { room } of tables.members()) rooms.add(room);
    for (const room of rooms) {
      const here = new Set(
        hubs.flatMap(({ hub }) =>
          hub === undefined ? [] : membersOf(hub, room).here.map((name) => fold(name)),
        ),
      );
      const truth = [...here].sort().join(" ");
      const rows = new Set(tables.membersOf(room).map(({ folded }) => folded));
      const kept = [...rows].sort().join(" ");
      if (kept !== truth) return `${room} has ${truth}, the database says ${kept}`;
      for (const { hub, name } of hubs) {
        if (hub?.isRoomInUse(room) !== true) continue;
        const told = membersOf(hub, room).everywhere.map((one) => fold(one));
        const shown = [...new Set(told)].sort().join(" ");
        if (shown !== truth) return `${room} has ${truth}, ${name} says ${shown}`;
      }
    }
    return undefined;
  }
}

function runsOf({ runs, timeMs }: SaidJson["rows"][number]) {
  return runs.map(({ texts, time = timeMs }) => ({ texts, timeMs: time }));
}

function statementLine(text: string, values: readonly Value[]): string {
  return `${text.replaceAll(/\s+/g, " ").slice(0, 50)} ${JSON.stringify(values)}`;
}

/** Runs one seed; errors name the seed. */
export function simulateCluster(seed: number, minutes: number, hubs = 3, lie?: Lie): ClusterWorld {
  try {
    const world = new ClusterWorld(seed, hubs, lie);
    world.run(minutes * 60_000);
    return world;
  } catch (error) {
    const replay = `bun tests/sim/soak.ts --hubs ${hubs} --seed ${seed} --minutes ${minutes}`;
    const what = error instanceof Error ? error.message : String(error);
    throw new Error(`Seed ${seed}: ${what} (replay it alone: ${replay})`, { cause: error });
  }
}
