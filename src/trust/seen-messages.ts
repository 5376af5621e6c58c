// Which sealed messages a device has received, so that a server can't deliver one twice. The IDs of
// the latest messages are remembered for each sending device; messages older than those are
// rejected by the time that the sender put inside. Bounded, and so is its text form: one `KEY FLOOR
// ID:TIME…` per line, the most recently active sender last.

import { sealed as limits } from "../limits.ts";
import { publicKeyForm } from "./login-proof.ts";

/** `old`: too old to tell whether it was received before. */
export type Freshness = "fresh" | "repeated" | "old";

/** 16 random bytes in base64url. */
export const messageIdForm = /^[\w-]{22}$/;

type Sender = {
  /** All messages up to this time count as seen. */
  floorMs: number;
  /** Times of the latest messages by ID, oldest arrival first. */
  readonly times: Map<string, number>;
};

export class SeenMessages {
  readonly #senders = new Map<string, Sender>();
  /** The floor for senders that are no longer remembered. */
  #floorMs = -1;

  /** Ignores malformed lines. */
  static parse(text: string): SeenMessages {
    const seen = new SeenMessages();
    for (const line of text.split("\n")) {
      const [key = "", floor = "", ...entries] = line.split(" ");
      if (!/^-?\d{1,16}$/.test(floor)) continue;
      if (key === everybody) seen.#floorMs = Math.max(seen.#floorMs, Number(floor));
      if (!publicKeyForm.test(key)) continue;
      seen.#touch(key).floorMs = Number(floor);
      for (const entry of entries) {
        const [id = "", time = ""] = entry.split(":");
        if (messageIdForm.test(id) && /^\d{1,16}$/.test(time)) seen.add(key, id, Number(time));
      }
    }
    return seen;
  }

  check(key: string, id: string, timeMs: number): Freshness {
    const sender = this.#senders.get(key);
    if (sender?.times.has(id) === true) return "repeated";
    return timeMs <= (sender?.floorMs ?? this.#floorMs) ? "old" : "fresh";
  }

  add(key: string, id: string, timeMs: number): void {
    const sender = this.#touch(key);
    sender.times.set(id, timeMs);
    for (const [oldest, atMs] of sender.times) {
      if (sender.times.size <= limits.maxRemembered) break;
      sender.times.delete(oldest);
      sender.floorMs = Math.max(sender.floorMs, atMs);
    }
  }

  toString(): string {
    const lines = [...this.#senders].map(([key, { floorMs, times }]) =>
      [key, floorMs, ...[...times].map(([id, atMs]) => `${id}:${atMs}`)].join(" "),
    );
    return [`${everybody} ${this.#floorMs}`, ...lines, ""].join("\n");
  }

  /** Returns the sender and makes it the most recent one. */
  #touch(key: string): Sender {
    const sender = this.#senders.get(key) ?? { floorMs: this.#floorMs, times: new Map() };
    this.#senders.delete(key);
    this.#senders.set(key, sender);
    for (const [oldest, { floorMs, times }] of this.#senders) {
      if (this.#senders.size <= limits.maxSenders) break;
      this.#senders.delete(oldest);
      this.#floorMs = Math.max(this.#floorMs, floorMs, ...times.values());
    }
    return sender;
  }
}

const everybody = "*";
