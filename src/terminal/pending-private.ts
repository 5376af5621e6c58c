// Our own private messages that are not acknowledged yet. The server does not send them back to us,
// so they are shown from here. Pure.

import { fold } from "../chat/names/grammar.ts";
import type { SessionEvent } from "../client/events.ts";

type Message = { to: readonly string[]; text: string };

export class PendingPrivate {
  readonly #messages = new Map<number, Message>();

  add(id: number, message: Message): void {
    this.#messages.set(id, message);
  }

  /** Learns that a message was refused, or did not reach somebody. */
  handleEvent(event: SessionEvent): void {
    if (event.type === "failed") this.#messages.delete(event.id);
    if (event.type !== "error" || event.code !== "unknown-user") return;
    if (event.subject !== undefined) this.#missed(event.subject);
  }

  /**
   * Removes the messages that the server has now, each with those whom it reached, and returns
   * them.
   */
  takeAcknowledged(upTo: number): Message[] {
    const messages: Message[] = [];
    for (const [id, message] of this.#messages) {
      if (id > upTo) break;
      this.#messages.delete(id);
      messages.push(message);
    }
    return messages;
  }

  // The server reports it in the order of our messages, and before it acknowledges them.
  #missed(name: string): void {
    for (const [id, { to, text }] of this.#messages) {
      const reached = to.filter((one) => fold(one) !== fold(name));
      if (reached.length === to.length) continue;
      this.#messages.set(id, { to: reached, text });
      return;
    }
  }
}
