// The history as a beginner would write it, to compare the real ones with: plain arrays, searched from end to end.

import type { PrivateMessage, Said } from "../../src/chat/events.ts";
import type { History, LogEntry, SessionRecord } from "../../src/chat/history.ts";

type Bounds = {
  messages: number;
  mailMessages: number;
  maxAgeMs: number;
  sessionAgeMs: number;
  goodbyeAgeMs: number;
};

export class PlainHistory implements History {
  #said: Said[] = [];
  #last = new Map<string, number>();
  #mail: { session: string; message: PrivateMessage }[] = [];
  #sessions: SessionRecord[] = [];

  constructor(
    readonly epoch: string,
    readonly bounds: Bounds,
  ) {}

  lastSeq(room: string): number {
    return this.#last.get(room) ?? 0;
  }

  firstSeq(room: string): number {
    return this.#of(room)[0]?.seq ?? this.lastSeq(room) + 1;
  }

  after(room: string, seq: number, limit: number): Said[] {
    return this.#of(room)
      .filter((one) => one.seq > seq)
      .slice(0, limit);
  }

  before(room: string, seq: number, limit: number): Said[] {
    return this.#of(room)
      .filter((one) => one.seq < seq)
      .slice(-limit);
  }

  session(id: string): SessionRecord | undefined {
    return this.#sessions.find((one) => one.id === id);
  }

  sessionNamed(folded: string, sinceMs: number): SessionRecord | undefined {
    const found = this.#sessions.filter((one) => one.name === folded && one.seenMs >= sinceMs);
    return folded === ""
      ? undefined
      : found.sort((a, b) => b.seenMs - a.seenMs || (a.id < b.id ? 1 : -1))[0];
  }

  mailAfter(id: string, mail: number, limit: number): PrivateMessage[] {
    return this.#mailOf(id)
      .filter((one) => one.mail > mail)
      .slice(0, limit);
  }

  append({ said, mail, sessions }: LogEntry): void {
    this.#said.push(...said);
    for (const { room, seq } of said) this.#last.set(room, seq);
    this.#mail.push(...mail);
    for (const record of sessions) {
      this.#sessions = this.#sessions.filter(({ id }) => id !== record.id);
      const { name, n, mail } = record;
      if (name !== "" || n > 0 || mail > 0) this.#sessions.push(record);
    }
  }

  tidy(nowMs: number): void {
    const { maxAgeMs, sessionAgeMs, goodbyeAgeMs } = this.bounds;
    this.#said = this.#said.filter(({ timeMs }) => timeMs >= nowMs - maxAgeMs);
    this.#mail = this.#mail.filter(({ message }) => message.timeMs >= nowMs - maxAgeMs);
    const gone = this.#sessions.filter(
      ({ name, seenMs }) => seenMs < nowMs - (name === "" ? goodbyeAgeMs : sessionAgeMs),
    );
    this.#sessions = this.#sessions.filter((one) => !gone.includes(one));
    this.#mail = this.#mail.filter(({ session }) => !gone.some(({ id }) => id === session));
  }

  #of(room: string): Said[] {
    return this.#said.filter((one) => one.room === room).slice(-this.bounds.messages);
  }

  #mailOf(id: string): PrivateMessage[] {
    const all = this.#mail.filter(({ session }) => session === id).map(({ message }) => message);
    return all.slice(-this.bounds.mailMessages);
  }
}
