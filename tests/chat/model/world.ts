// A hub with a clock, a store that can fail, stall and leave outcomes unknown, and an adapter as
// strict as the server's: it ends and finishes turns, and runs timers only when requested. Next to
// it the model: every room's log and every mailbox as a list.

import { hubOptions } from "../hub-options.ts";
import type { Dialect, Peer } from "../../../src/chat/dialect.ts";
import type { LeaveReason } from "../../../src/chat/events.ts";
import { Hub } from "../../../src/chat/hub.ts";
import type { Link } from "../../../src/chat/link.ts";
import type { Rates } from "../../../src/chat/rates/rate-budget.ts";
import type { Session } from "../../../src/chat/session.ts";
import type { Batch, Committed } from "../../../src/chat/turn/store.ts";
import { seeded } from "../../sim/random.ts";
import { FailingStore } from "../failing-store.ts";

/** A message, where it may be heard, and where it was heard. */
export type Token = {
  id: number;
  owner: string;
  kind: "say" | "tell";
  /** The target room; undefined: the lobby, or the private-chat partner. */
  room: string | undefined;
  /** Folded names of the recipients; empty for everybody. */
  to: readonly string[];
  /** Rooms and mailboxes that contain it, and plain clients that got it privately. */
  rooms: string[];
  mails: string[];
  alone: string[];
};

export const tokenText = (id: number, padding = 0): string => `<${id}>${"x".repeat(padding)}`;

const isTraced = process.env["HUB_LOG"] === "1";

export class World {
  readonly random: () => number;
  readonly store = new FailingStore();
  readonly rooms = new Map<string, string[]>();
  readonly mail = new Map<string, string[]>();
  readonly tokens: Token[] = [];
  /** Connections that the hub considers open. */
  readonly sessions = new Set<Session>();
  hub: Hub;
  nowMs = 1_700_000_000_000;
  /** The last committed batch of this process. */
  #recorded = 0;
  #awake = false;
  #timerMs = Infinity;
  #secrets = 0;

  constructor(
    readonly seed: number,
    readonly rates: Rates | undefined,
  ) {
    this.random = seeded(seed);
    this.store.tried = (batch, committed) => {
      const outcome = committed === undefined ? "lost" : "taken";
      this.trace("store", "<", `batch ${batch.number} ${outcome}`);
      if (committed !== undefined && batch.number > this.#recorded) this.#record(batch, committed);
    };
    this.hub = this.#start();
  }

  /** A random element. */
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }
  below(n: number): number {
    return Math.floor(this.random() * n);
  }
  chance(p: number): boolean {
    return this.random() < p;
  }

  /** With HUB_LOG=1, prints what is sent and received. */
  trace(who: string, way: "<" | ">", what: object | string): void {
    if (isTraced) console.log(this.nowMs, who, way, JSON.stringify(what).slice(0, 1_000));
  }

  token(owner: string, kind: Token["kind"], to: readonly string[], room?: string): Token {
    const places = { rooms: [], mails: [], alone: [] };
    const token = { id: this.tokens.length, owner, kind, room, to, ...places };
    this.tokens.push(token);
    return token;
  }

  room(name: string): string[] {
    return entry(this.rooms, name);
  }
  mailOf(record: string): string[] {
    return entry(this.mail, record);
  }

  connect(link: Link, dialect: Dialect, peer: Peer): Session {
    const session = this.hub.handleConnect(link, dialect, peer, this.nowMs);
    this.sessions.add(session);
    return session;
  }

  message(session: Session, message: string): void {
    this.hub.handleMessage(session, message, this.nowMs);
    if (this.hub.hasRequest) this.#pump();
  }

  drain(session: Session): void {
    this.hub.handleDrain(session, this.nowMs);
  }

  endInput(session: Session): void {
    this.hub.handleInputEnd(session, this.nowMs);
  }

  close(session: Session, reason: LeaveReason): void {
    this.sessions.delete(session);
    this.hub.handleClose(session, reason, this.nowMs);
  }

  /** The end of a turn of the event loop. */
  endTurn(): void {
    let rounds = 0;
    while (this.#awake) {
      this.#awake = false;
      if (++rounds > 5_000) throw new Error("the hub does not come to rest");
      // A busy server keeps collecting: the turn is ended once more.
      if (this.hub.endTurn(this.nowMs, this.chance(0.2))) this.#awake = true;
      this.#pump();
      this.hub.finishTurn(this.nowMs);
      this.#pump();
      this.#schedule();
    }
  }

  /** Delivers some of the late replies, in any order. */
  releaseSome(): void {
    const { store } = this;
    while (store.waiting.length > 0 && this.chance(0.5)) {
      store.releaseOne(this, this.below(store.waiting.length));
      this.#pump();
      this.#schedule();
    }
  }

  /** Repairs the store and delivers all late replies. */
  heal(): void {
    const { store } = this;
    store.full = store.unreadable = false;
    store.unsure = () => false;
    store.outcome = () => "done";
    store.timing = () => "now";
    while (store.waiting.length > 0) {
      store.releaseOne(this);
      this.#pump();
      this.#schedule();
    }
  }

  /** Lets time pass and runs the hub's timers when due; `after` runs after each turn. */
  pass(ms: number, after: () => void): void {
    const untilMs = this.nowMs + ms;
    this.endTurn();
    after();
    while (this.#timerMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.#timerMs);
      this.#timerMs = Infinity;
      this.hub.handleTimeout(this.nowMs);
      this.#pump();
      this.#schedule();
      this.endTurn();
      after();
    }
    this.nowMs = untilMs;
  }

  /** Kills the process and starts another one with the same log. */
  restart(): void {
    this.#awake = false;
    this.#timerMs = Infinity;
    this.#recorded = 0;
    this.sessions.clear();
    this.store.reopen();
    this.hub = this.#start();
  }

  #start(): Hub {
    const hub: Hub = new Hub({
      ...hubOptions(),
      rates: this.rates,
      wake: () => {
        // A dead process wakes nobody.
        if (hub === this.hub) this.#awake = true;
      },
      // A restarted hub must not make the same ones again.
      newSecret: () => `secret-number-${++this.#secrets}-0123456789`,
    });
    this.hub = hub;
    this.#schedule();
    return hub;
  }

  #pump(): void {
    for (;;) {
      const request = this.hub.pollStore(this.nowMs);
      if (request === undefined) return;
      const reply = this.store.answer(request);
      if (reply !== undefined) this.hub.handleStore(reply, this.nowMs);
    }
  }

  #schedule(): void {
    this.#timerMs = Math.min(this.#timerMs, this.hub.nextTimeoutMs);
  }

  /** Records what the log accepts as the truth, and checks that numbers have no gaps. */
  #record({ number, rooms, mail }: Batch, committed: Committed): void {
    this.#recorded = number;
    for (const [i, { room, runs }] of rooms.entries()) {
      const log = this.room(room);
      if (committed.rooms[i] !== log.length + 1) {
        throw new Error(`seq ${committed.rooms[i]} of ${room} after ${log.length}`);
      }
      for (const text of runs.flatMap(({ texts }) => texts)) {
        log.push(text);
        this.tokenOf(text)?.rooms.push(room);
      }
    }
    for (const [i, { session, message }] of mail.entries()) {
      const box = this.mailOf(session);
      if (committed.mail[i] !== box.length + 1) {
        throw new Error(`mail ${committed.mail[i]} of ${session} after ${box.length}`);
      }
      box.push(message.text);
      this.tokenOf(message.text)?.mails.push(session);
    }
  }

  tokenOf(text: string): Token | undefined {
    const id = /<(\d+)>/.exec(text)?.[1];
    return id === undefined ? undefined : this.tokens[Number(id)];
  }
}

function entry(map: Map<string, string[]>, key: string): string[] {
  let list = map.get(key);
  if (list === undefined) map.set(key, (list = []));
  return list;
}
