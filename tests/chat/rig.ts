// A hub without a network: links that record their output, a clock that moves on demand, and a
// store in memory that answers immediately.

import { hubOptions } from "./hub-options.ts";
import { silentLog } from "../silent-log.ts";
import { consoleActor } from "../../src/chat/admin/actor.ts";
import type { AdminAnswer } from "../../src/chat/admin/answer.ts";
import { Hub, type HubOptions } from "../../src/chat/hub.ts";
import type { StoreReply, StoreRequest } from "../../src/chat/turn/store.ts";
import type { Link } from "../../src/chat/link.ts";
import type { Session } from "../../src/chat/session.ts";
import type { Dialect } from "../../src/chat/dialect.ts";
import { nativeDialect } from "../../src/dialects/native/native.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";

export const native: Dialect = nativeDialect({
  name: "parley test",
  udpPort: 1,
  messagesPerSecond: 0,
});

/**
 * The data a client has received, write by write; it accepts `capacity` bytes before it is full.
 */
export class FakeLink implements Link {
  sends: string[] = [];
  capacity = Infinity;
  ended = false;
  aborted = false;

  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.capacity);
    this.capacity -= taken;
    if (taken > 0) this.sends.push(Buffer.from(bytes.subarray(0, taken)).toString());
    return taken;
  }
  end(): void {
    this.ended = true;
  }
  abort(): void {
    this.aborted = true;
  }
}

export class Client {
  readonly link = new FakeLink();
  readonly session: Session;

  constructor(
    readonly rig: Rig,
    dialect: Dialect,
    framed: boolean,
    address: string,
  ) {
    const port = rig.nextPort++;
    this.session = rig.hub.handleConnect(this.link, dialect, { address, port }, rig.nowMs);
    this.session.output.framed = framed;
  }

  /** Sends messages and runs the turn to its end. */
  send(...messages: (string | object)[]): this {
    this.queue(...messages);
    this.rig.settle();
    return this;
  }

  /** Sends messages within the current turn. */
  queue(...messages: (string | object)[]): this {
    for (const message of messages) {
      const text = typeof message === "string" ? message : JSON.stringify(message);
      this.rig.hub.handleMessage(this.session, text, this.rig.nowMs);
      this.rig.pump();
    }
    return this;
  }

  /** Everything received since the last call, as text. */
  text(): string {
    const text = this.link.sends.join("");
    this.link.sends = [];
    return text;
  }

  /** Everything received since the last call, write by write. */
  sends(): string[] {
    const { sends } = this.link;
    this.link.sends = [];
    return sends;
  }

  /** Everything received since the last call, as native lines. */
  lines(): Record<string, unknown>[] {
    const text = this.text();
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  close(reason: "quit" | "lost" = "lost"): void {
    this.rig.hub.handleClose(this.session, reason, this.rig.nowMs);
    this.rig.settle();
  }
}

/** Carries out a store request; undefined: the reply arrives later, or never. */
export type Answerer = (request: StoreRequest) => StoreReply | undefined;

/** A store in memory that answers immediately. */
export function memoryAnswerer(): Answerer {
  const store = openMemoryStore({ epoch: "epoch-1" });
  return (request) => answerRequest(store, request);
}

export class Rig {
  readonly hub: Hub;
  readonly log: string[] = [];
  nowMs = 1_700_000_000_000;
  nextPort = 40_000;
  private awake = false;

  constructor(
    options: Partial<HubOptions> = {},
    readonly answer: Answerer = memoryAnswerer(),
  ) {
    this.hub = new Hub({
      ...hubOptions(),
      wake: () => (this.awake = true),
      print: (line) => this.log.push(line),
      log: {
        ...silentLog,
        warn: (message) => void this.log.push(message),
        error: (message) => void this.log.push(message),
      },
      ...options,
    });
  }

  /** Lets the store answer the hub's requests. */
  pump(): void {
    for (;;) {
      const request = this.hub.pollStore(this.nowMs);
      if (request === undefined) return;
      const reply = this.answer(request);
      if (reply !== undefined) this.hub.handleStore(reply, this.nowMs);
    }
  }

  /** Ends turns until nothing is left to do. */
  settle(): void {
    this.pump();
    for (let round = 0; this.awake; round++) {
      if (round > 10_000) throw new Error("the hub does not come to rest");
      this.awake = false;
      this.hub.endTurn(this.nowMs);
      this.pump();
      this.hub.finishTurn(this.nowMs);
      this.pump();
    }
  }

  /** The answer to this line typed at the server's terminal. */
  order(line: string): AdminAnswer {
    let answered: AdminAnswer | undefined;
    this.hub.handleAdmin(consoleActor, line, this.nowMs, (answer) => (answered = answer));
    this.settle();
    if (answered === undefined) throw new Error(`no answer to '${line}'`);
    return answered;
  }

  /** Lets time pass in steps, with timers as in the server. */
  pass(ms: number, stepMs = 4): void {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      this.nowMs = Math.min(untilMs, this.nowMs + stepMs);
      this.hub.handleTimeout(this.nowMs);
      this.settle();
    }
  }

  client(dialect: Dialect = native, framed = true, address = "127.0.0.1"): Client {
    return new Client(this, dialect, framed, address);
  }

  /** A member of the native dialect, its welcome read. */
  member(name: string, extra: object = {}, address?: string): Client {
    const client = this.client(native, true, address);
    client.send(hello(name, extra));
    return client;
  }
}

/** A message with the counter `n`. */
/** A login by the native protocol; the secret is always the same for a name. */
export const hello = (name: string, extra: object = {}) => ({
  type: "hello",
  version: 2,
  name,
  secret: `${name}-0123456789abcdef`,
  ...extra,
});

export const say = (n: number, text = `m${n}`, room = "lobby"): object => ({
  type: "say",
  room,
  n,
  text,
});

/** Resumes the lobby after `seq` and the mailbox after `mail`. */
export const since = (seq: number, mail = 0): object => ({
  epoch: "epoch-1",
  mail,
  rooms: [{ room: "lobby", seq }],
});

/** Joins that room only. */
export const inRoom = (room: string): object => ({ rooms: [{ room }] });
