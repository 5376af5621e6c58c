// Native clients that talk without a pause, remember acknowledged and received messages, and
// reconnect by themselves after any failure. The state machine is the product's own (src/client);
// only what it reports is checked.

import { expect } from "bun:test";
import { ClientSession } from "../../src/client/session.ts";
import { NativeConnection } from "../../src/io/native-connection.ts";
import type { SessionEvent } from "../../src/client/events.ts";
import type { Line } from "./server.ts";
import { until } from "../until.ts";

/** How many messages of each talker are in flight at once, and the pause before it sends more. */
export type Pace = { inFlight: number; pauseMs: number };

const withoutPause: Pace = { inFlight: 8, pauseMs: 0 };

export class Talker {
  readonly heard: Line[] = [];
  readonly acknowledged: string[] = [];
  readonly failures: string[] = [];
  /** What the server has said that concerns no message of its own. */
  readonly problems: string[] = [];
  /** Departures with their reasons: `name: reason`. */
  readonly leaves: string[] = [];
  returns = 0;
  talking = false;
  ended: string | undefined;
  readonly session: ClientSession;
  readonly #connection: NativeConnection;
  #said = new Map<number, string>();
  #count = 0;
  readonly #questions = new Map<number, (names: readonly string[]) => void>();

  constructor(
    readonly name: string,
    /** The port of the server, or of several servers of the same parley. */
    ports: number | readonly number[],
    random: () => number,
    public pace = withoutPause,
  ) {
    const secret = `${name}-${"s".repeat(32)}`;
    this.session = new ClientSession({ name, rooms: ["lobby"], secret, random });
    const [to = here(0), ...alternatives] = [ports].flat().map(here);
    this.#connection = new NativeConnection({ ...to, alternatives }, this.session, (event) =>
      this.#hear(event),
    );
    this.#connection.start();
  }

  get waiting(): number {
    return this.session.unacknowledged;
  }

  get lastSeq(): number {
    return this.heard.at(-1)?.seq ?? 0;
  }

  talk(): void {
    this.talking = true;
    this.#sayMore();
  }

  /** Stops or resumes reading. */
  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  /** Sends the outputs of requests made to the session from outside. */
  applyOutputs(): void {
    this.#connection.applyOutputs();
  }

  async leave(): Promise<void> {
    await this.#connection.leave();
  }

  #sayMore(): void {
    while (this.talking && this.#said.size < this.pace.inFlight) {
      const text = `${this.name} ${++this.#count}`;
      const id = this.session.say("lobby", text);
      if (typeof id !== "number") break;
      this.#said.set(id, text);
    }
    this.#connection.applyOutputs();
  }

  #sayMoreSoon(): void {
    if (this.pace.pauseMs === 0) this.#sayMore();
    else setTimeout(() => this.#sayMore(), this.pace.pauseMs);
  }

  /** The members of the lobby, according to the server. */
  async whoIsThere(): Promise<readonly string[]> {
    const ref = this.session.request({ type: "who", room: "lobby" });
    this.#connection.applyOutputs();
    return await new Promise((answered) => {
      if (ref === undefined) answered([]);
      else this.#questions.set(ref, answered);
      // There is no answer if the connection is lost.
      setTimeout(answered, 2_000, []);
    });
  }

  #hear(event: SessionEvent): void {
    switch (event.type) {
      case "message":
        this.heard.push({ seq: event.seq, text: event.text });
        return;
      case "acknowledged":
        for (const [id, text] of this.#said) {
          if (id > event.id) break;
          this.#said.delete(id);
          this.acknowledged.push(text);
        }
        return this.#sayMoreSoon();
      case "response":
        if (event.response.type === "names") this.#questions.get(event.ref)?.(event.response.names);
        this.#questions.delete(event.ref);
        return;
      case "reconnected":
        this.returns++;
        if (!event.recovered) this.failures.push(event.summary);
        return;
      case "failed":
        this.failures.push(`${event.code}: ${event.message}`);
        this.#said.delete(event.id);
        return;
      case "error":
        this.problems.push(`${event.code}: ${event.message}`);
        return;
      case "left":
        this.leaves.push(`${event.name}: ${event.reason}`);
        return;
      case "gap":
        this.failures.push(`messages ${event.from} to ${event.to} are missing`);
        return;
      case "ended":
        this.ended = event.code;
        return;
    }
  }
}

function here(port: number) {
  return { host: "127.0.0.1", port };
}

/** Creates `count` talkers and waits until all are in the room. */
export async function gather(
  count: number,
  ports: number | readonly number[],
  random: () => number,
  pace?: Pace,
): Promise<Talker[]> {
  const talkers = Array.from({ length: count }, (_, i) => {
    // With several servers, each gets its part.
    const all = [ports].flat();
    const turned = [...all.slice(i % all.length), ...all.slice(0, i % all.length)];
    return new Talker(`t${i}`, turned, random, pace);
  });
  await until(
    () => talkers.every(({ session }) => session.online),
    () => "everybody to come in",
  );
  return talkers;
}

export function acknowledgedBy(talkers: readonly Talker[]): number {
  return talkers.reduce((sum, talker) => sum + talker.acknowledged.length, 0);
}

/** Stops all talkers; resolves when every message is acknowledged, and received by everyone. */
export async function silence(talkers: readonly Talker[]): Promise<void> {
  for (const talker of talkers) talker.talking = false;
  await until(
    () => talkers.every((talker) => talker.waiting === 0 && talker.session.online),
    () =>
      `acknowledgements; ${talkers.map((talker) => talker.waiting).join(" ")} are open, not online or ended: ${talkers
        .filter((talker) => !talker.session.online || talker.ended !== undefined)
        .map((talker) => `${talker.name} (${talker.ended ?? "offline"})`)
        .join(", ")}`,
  );
  const last = (): number => Math.max(...talkers.map((talker) => talker.lastSeq));
  await until(
    () => talkers.every((talker) => talker.lastSeq === last()),
    () => `message ${last()} at everybody; they are at ${talkers.map((t) => t.lastSeq).join(" ")}`,
  );
}

/**
 * The promise: every acknowledged message is stored once, in one order, at every client and in the
 * file, and nothing else is there.
 */
export function expectPromiseKept(talkers: readonly Talker[], file: readonly Line[]): void {
  expect(file.map(({ seq }) => seq)).toEqual(file.map((_, i) => i + 1));
  const texts = file.map(({ text }) => text);
  expect(new Set(texts).size).toBe(texts.length);
  const kept = new Set(texts);
  for (const talker of talkers) {
    expect(talker.failures).toEqual([]);
    expect(talker.ended).toBeUndefined();
    expect(talker.acknowledged.filter((text) => !kept.has(text))).toEqual([]);
    // A talker that joined later has not received the beginning; from there on everything.
    const first = talker.heard[0]?.seq ?? file.length + 1;
    expect(talker.heard).toEqual(file.slice(first - 1));
    const own = texts.filter((text) => text.startsWith(`${talker.name} `));
    expect(own).toEqual(own.map((_, i) => `${talker.name} ${i + 1}`));
  }
}

/** A small random number generator with a seed, so that a failure can be repeated. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
