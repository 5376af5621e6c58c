// A hub with a clock, a disk that can be full and an adapter as strict as the server's (flush after the turn, tick only when it
// was asked for), beside its plain slow twin: every room's log and everybody's mail as two lists.

import { Hub } from "../../../src/chat/hub.ts";
import type { LogEntry } from "../../../src/chat/history.ts";
import { createMetrics } from "../../../src/chat/metrics.ts";
import type { Rates } from "../../../src/chat/sender-limits.ts";
import { FailingHistory } from "../failing-history.ts";
import { seeded } from "../../sim/random.ts";
import { kept } from "../rig.ts";

/** Something said: where it may be heard, and where it was. */
export type Token = {
  id: number;
  owner: string;
  kind: "say" | "tell";
  /** Folded names that it was meant for; empty for everybody. */
  to: readonly string[];
  /** Rooms and mailboxes whose log has it, and clients of dialects without a mailbox that heard it alone. */
  rooms: string[];
  mails: string[];
  alone: string[];
};

export const tokenText = (id: number, padding = 0): string => `<${id}>${"x".repeat(padding)}`;

export class World {
  readonly random: () => number;
  readonly history = new FailingHistory();
  readonly rooms = new Map<string, string[]>();
  readonly mail = new Map<string, string[]>();
  readonly tokens: Token[] = [];
  hub: Hub;
  nowMs = 1_700_000_000_000;
  #awake = false;
  #timerMs = Infinity;
  #secrets = 0;

  constructor(
    readonly seed: number,
    readonly rates: Rates | undefined,
  ) {
    this.random = seeded(seed);
    this.history.tried = (turn, taken) => {
      if (taken) this.#record(turn);
    };
    this.hub = this.#start();
  }

  /** One of a list, or a whole number under `n`. */
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }
  below(n: number): number {
    return Math.floor(this.random() * n);
  }
  chance(p: number): boolean {
    return this.random() < p;
  }

  /** What is said and heard, for whoever looks for a seed's reason: HUB_LOG=1. */
  trace(who: string, way: "<" | ">", what: string): void {
    if (process.env["HUB_LOG"] === "1") console.log(this.nowMs, who, way, what.slice(0, 200));
  }

  token(owner: string, kind: Token["kind"], to: readonly string[]): Token {
    const token = { id: this.tokens.length, owner, kind, to, rooms: [], mails: [], alone: [] };
    this.tokens.push(token);
    return token;
  }

  room(name: string): string[] {
    return entry(this.rooms, name);
  }
  mailOf(record: string): string[] {
    return entry(this.mail, record);
  }

  /** The end of a turn of the event loop. */
  endTurn(): void {
    let rounds = 0;
    while (this.#awake) {
      this.#awake = false;
      if (++rounds > 5_000) throw new Error("the hub does not come to rest");
      this.hub.flush(this.nowMs);
      this.#schedule();
    }
  }

  /** Time passes; the hub's timer runs when it has asked for it. `after` runs after each turn. */
  pass(ms: number, after: () => void): void {
    const untilMs = this.nowMs + ms;
    this.endTurn();
    after();
    while (this.#timerMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.#timerMs);
      this.#timerMs = Infinity;
      this.hub.tick(this.nowMs);
      this.#schedule();
      this.endTurn();
      after();
    }
    this.nowMs = untilMs;
  }

  /** The process is gone; another begins with the same log. */
  restart(): void {
    this.#awake = false;
    this.#timerMs = Infinity;
    this.hub = this.#start();
  }

  /** Everything that is kept of anybody, by name; all 0 when nobody is there. */
  get kept(): Record<string, number> {
    return kept(this.hub);
  }

  #start(): Hub {
    const hub: Hub = new Hub({
      history: this.history,
      metrics: createMetrics(),
      rates: this.rates,
      files: {
        list: (_after, _limit, answer) => answer({ files: [], next: undefined }),
        fetch() {},
        download() {},
        closed() {},
      },
      wake: () => {
        // What a process that is gone still wants is nobody's business.
        if (hub === this.hub) this.#awake = true;
      },
      log() {},
      warn() {},
      hashSecret: (secret) => `hash of ${secret}`,
      reservedNames,
      newSecret: () => `secret-number-${++this.#secrets}-0123456789`,
    });
    this.hub = hub;
    this.#schedule();
    return hub;
  }

  #schedule(): void {
    this.#timerMs = Math.min(this.#timerMs, this.hub.nextTickMs);
  }

  /** What the disk takes is the truth: numbers without gaps, every message once. */
  #record({ said, mail }: LogEntry): void {
    for (const { room, seq, text } of said) {
      const log = this.room(room);
      if (seq !== log.length + 1) throw new Error(`seq ${seq} of ${room} after ${log.length}`);
      log.push(text);
      this.tokenOf(text)?.rooms.push(room);
    }
    for (const { session, message } of mail) {
      const box = this.mailOf(session);
      if (message.mail !== box.length + 1) {
        throw new Error(`mail ${message.mail} of ${session} after ${box.length}`);
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
