// Our own private messages that are not acknowledged yet; the server sends them to nobody but whom they are for. Pure.

import { fold } from "../chat/names/grammar.ts";
import type { SessionEvent } from "../client/events.ts";

type Message = { to: readonly string[]; text: string };

export class Told {
  readonly #messages = new Map<number, Message>();

  add(id: number, message: Message): void {
    this.#messages.set(id, message);
  }

  /** Learns that a message was refused, or did not reach somebody. */
  hear(event: SessionEvent): void {
    if (event.type === "failed") this.#messages.delete(event.id);
    if (event.type !== "error" || event.code !== "unknown-user") return;
    if (event.subject !== undefined) this.#missed(event.subject);
  }

  /** Takes out what the server has now, with those whom it reached. */
  arrived(upTo: number): Message[] {
    const messages: Message[] = [];
    for (const [id, message] of this.#messages) {
      if (id > upTo) break;
      this.#messages.delete(id);
      messages.push(message);
    }
    return messages;
  }

  // The server tells it in the order of our messages, and before it acknowledges them.
  #missed(name: string): void {
    for (const [id, { to, text }] of this.#messages) {
      const reached = to.filter((one) => fold(one) !== fold(name));
      if (reached.length === to.length) continue;
      this.#messages.set(id, { to: reached, text });
      return;
    }
  }
}
