// Which sealed messages a device has received, so that a server can't deliver one twice. The IDs of
// the latest messages are remembered for each sending device; messages older than those are
// rejected by the time that the sender put inside. That time may be wrong, or a lie: a message from
// the future must not shut out other senders, nor its own sender for long. Bounded, and so is its
// text form: `KEY FLOOR ID:TIME…` in each line, the most recently active sender last. A line may
// follow for a sender that has one already.

import { sealed as limits } from "../limits.ts";
import { publicKeyForm } from "./login-proof.ts";

/** `old`: too old to tell whether it was received before. */
export type Freshness = "fresh" | "repeated" | "old";

/** 16 random bytes in base64url. */
export const messageIdForm = /^[\w-]{22}$/;

type Sender = {
  /** All messages up to this time count as seen. */
  floorMs: number;
  /** Times of the latest messages by ID. */
  readonly times: Map<string, number>;
};

export class SeenMessages {
  readonly #senders = new Map<string, Sender>();
  /** The floor for senders that are no longer remembered. */
  #floorMs = -1;

  /** Ignores malformed lines. `nowMs`: by the clock of this device. */
  static parse(text: string, nowMs: number): SeenMessages {
    const seen = new SeenMessages();
    for (const line of text.split("\n")) {
      const [key = "", floor = "", ...entries] = line.split(" ");
      if (!/^-?\d{1,16}$/.test(floor)) continue;
      if (key === everybody) seen.#floorMs = Math.max(seen.#floorMs, Number(floor));
      if (!publicKeyForm.test(key)) continue;
      const isKnown = seen.#senders.has(key);
      const sender = seen.#touch(key, nowMs);
      sender.floorMs = isKnown ? Math.max(sender.floorMs, Number(floor)) : Number(floor);
      for (const entry of entries) {
        const [id = "", time = ""] = entry.split(":");
        if (messageIdForm.test(id) && /^\d{1,16}$/.test(time)) {
          seen.add(key, id, Number(time), nowMs);
        }
      }
    }
    return seen;
  }

  check(key: string, id: string, timeMs: number): Freshness {
    const sender = this.#senders.get(key);
    if (sender?.times.has(id) === true) return "repeated";
    return timeMs <= (sender?.floorMs ?? this.#floorMs) ? "old" : "fresh";
  }

  /** `nowMs`: by the clock of this device. */
  add(key: string, id: string, timeMs: number, nowMs: number): void {
    const sender = this.#touch(key, nowMs);
    sender.times.set(id, timeMs);
    if (sender.times.size <= limits.maxRemembered) return;
    // Not the one that arrived first: a clock that was ahead for a few messages would then make all
    // later ones too old.
    const [oldest, atMs] = [...sender.times].reduce((a, b) => (b[1] < a[1] ? b : a));
    sender.times.delete(oldest);
    sender.floorMs = Math.max(sender.floorMs, atMs);
  }

  /** The latest time of that sender's messages. */
  latestMs(key: string): number {
    const sender = this.#senders.get(key);
    return Math.max(sender?.floorMs ?? this.#floorMs, ...(sender?.times.values() ?? []));
  }

  /** The line that adds one of the sender's messages to the text. */
  lineOf(key: string, id: string, timeMs: number): string {
    return `${key} ${this.#senders.get(key)?.floorMs ?? this.#floorMs} ${id}:${timeMs}`;
  }

  toString(): string {
    const lines = [...this.#senders].map(([key, { floorMs, times }]) =>
      [key, floorMs, ...[...times].map(([id, atMs]) => `${id}:${atMs}`)].join(" "),
    );
    return [`${everybody} ${this.#floorMs}`, ...lines, ""].join("\n");
  }

  /** Returns the sender and makes it the most recent one. */
  #touch(key: string, nowMs: number): Sender {
    const sender = this.#senders.get(key) ?? { floorMs: this.#floorMs, times: new Map() };
    this.#senders.delete(key);
    this.#senders.set(key, sender);
    for (const [oldest, { floorMs, times }] of this.#senders) {
      if (this.#senders.size <= limits.maxSenders) break;
      this.#senders.delete(oldest);
      // Strangers could otherwise keep everybody out who is not remembered, with times of any year.
      const seenMs = Math.min(nowMs, Math.max(floorMs, ...times.values()));
      this.#floorMs = Math.max(this.#floorMs, seenMs);
    }
    return sender;
  }
}

const everybody = "*";
