// The user's own unacknowledged private messages. The server does not echo them, so the client
// shows them itself once the server has them. Pure.

import { fold } from "../../chat/names/grammar.ts";
import type { SessionEvent } from "../../client/events.ts";
import type { SentPrivate } from "../../client/private-messages.ts";

/** Nobody has the name, or too many messages wait for its absent owner. */
const missing: ReadonlySet<string> = new Set(["unknown-user", "full"]);

export class PendingPrivate {
  readonly #messages = new Map<number, SentPrivate>();

  add(id: number, message: SentPrivate): void {
    this.#messages.set(id, message);
  }

  /** Records that a message was refused or did not reach somebody. */
  handleEvent(event: SessionEvent): void {
    if (event.type === "failed") this.#messages.delete(event.id);
    if (event.type !== "error" || !missing.has(event.code)) return;
    if (event.subject !== undefined) this.#missed(event.subject);
  }

  /**
   * Removes and returns the messages that the server has stored, each with the people it reached.
   */
  takeAcknowledged(upTo: number): SentPrivate[] {
    const messages: SentPrivate[] = [];
    for (const [id, message] of this.#messages) {
      if (id > upTo) break;
      this.#messages.delete(id);
      messages.push(message);
    }
    return messages;
  }

  // The server reports failures in message order, before it acknowledges the messages.
  #missed(name: string): void {
    for (const [id, message] of this.#messages) {
      const { to } = message;
      const reached = to.filter((one) => fold(one) !== fold(name));
      if (reached.length === to.length) continue;
      this.#messages.set(id, { ...message, to: reached });
      return;
    }
  }
}
