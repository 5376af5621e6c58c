// A hub without a network: links that record what they are given, a clock that moves when told, and a history in memory.

import { Hub, type HubOptions } from "../../src/chat/hub.ts";
import type { History } from "../../src/chat/history.ts";
import type { Link } from "../../src/chat/link.ts";
import { createMetrics } from "../../src/chat/metrics.ts";
import type { Session } from "../../src/chat/session.ts";
import type { Dialect } from "../../src/chat/dialect.ts";
import { nativeDialect } from "../../src/dialects/native/native.ts";
import { openMemoryHistory } from "../../src/store/memory.ts";

export const native: Dialect = nativeDialect({
  name: "parley test",
  udpPort: 1,
  messagesPerSecond: 0,
});

/** What a client has received, send by send; `capacity` bytes are taken before it seems full. */
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
    this.session = rig.hub.connect(this.link, dialect, { address, port }, rig.nowMs);
    this.session.framed = framed;
  }

  /** Sends messages and runs the turn to its end. */
  send(...messages: (string | object)[]): this {
    this.queue(...messages);
    this.rig.settle();
    return this;
  }

  /** Sends messages; the turn goes on. */
  queue(...messages: (string | object)[]): this {
    for (const message of messages) {
      const text = typeof message === "string" ? message : JSON.stringify(message);
      this.rig.hub.receive(this.session, text, this.rig.nowMs);
    }
    return this;
  }

  /** Everything received since the last call, as text. */
  text(): string {
    const text = this.link.sends.join("");
    this.link.sends = [];
    return text;
  }

  /** Everything received since the last call, send by send. */
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
    this.rig.hub.closed(this.session, reason, this.rig.nowMs);
    this.rig.settle();
  }
}

export class Rig {
  readonly hub: Hub;
  readonly log: string[] = [];
  nowMs = 1_700_000_000_000;
  nextPort = 40_000;
  private awake = false;
  #secrets = 0;

  constructor(
    options: Partial<HubOptions> = {},
    readonly history: History = openMemoryHistory({ epoch: "epoch-1" }),
  ) {
    this.hub = new Hub({
      history,
      metrics: createMetrics(),
      rates: undefined,
      files: {
        list: (_after, _limit, answer) => answer({ files: [], next: undefined }),
        fetch() {},
        download() {},
        closed() {},
      },
      wake: () => (this.awake = true),
      log: (line) => this.log.push(line),
      warn: (line) => this.log.push(line),
      hashSecret: (secret) => `hash of ${secret}`,
      newSecret: () => `secret-number-${++this.#secrets}`,
      ...options,
    });
  }

  /** Runs flushes until nothing is left to do in this turn. */
  settle(): void {
    for (let round = 0; this.awake; round++) {
      if (round > 10_000) throw new Error("the hub does not come to rest");
      this.awake = false;
      this.hub.flush(this.nowMs);
    }
  }

  /** Lets time pass, in steps, with ticks as the server has them. */
  pass(ms: number, stepMs = 4): void {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      this.nowMs = Math.min(untilMs, this.nowMs + stepMs);
      this.hub.tick(this.nowMs);
      this.settle();
    }
  }

  client(dialect: Dialect = native, framed = true, address = "127.0.0.1"): Client {
    return new Client(this, dialect, framed, address);
  }

  /** A member of the native dialect, its welcome read. */
  member(name: string, extra: object = {}, address?: string): Client {
    const client = this.client(native, true, address);
    client.send({ type: "hello", version: 1, name, secret: `${name}-0123456789abcdef`, ...extra });
    return client;
  }
}

/** Everything that a hub keeps of anybody, by name. */
export function kept(hub: Hub): Record<string, number> {
  const { sessions, members, rooms, records, aliases, turn, due } = hub;
  const sizes = { sessions, members, rooms, records, aliases, turn, due };
  return Object.fromEntries(Object.entries(sizes).map(([name, { size }]) => [name, size]));
}

/** What is kept when nobody is there. */
export const nothing = {
  sessions: 0,
  members: 0,
  rooms: 0,
  records: 0,
  aliases: 0,
  turn: 0,
  due: 0,
};
