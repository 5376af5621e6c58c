// Private chat by consent as a dialect sees it from one connection: whether accept, reject and leave mean something now.
// In dialects whose own system has no such words they are ordinary text at any other time. Knows no wire and no hub.

import type { Command, PersonalEvent } from "../chat/events.ts";
import { chatAfter, noChat } from "../client/private-chat-state.ts";

export class Consent {
  #chat = noChat;

  /** True while everything that is typed goes to the partner alone. */
  get chatting(): boolean {
    return this.#chat.partner !== undefined;
  }

  /** Follows what the member is told. */
  hear(event: PersonalEvent): void {
    if (event.type === "chat") this.#chat = chatAfter(this.#chat, event.state, event.with);
  }

  /** The command that `text` is at this moment, if it is one. Letter case and blanks around it don't matter. */
  read(text: string): Command | undefined {
    const { partner, invitedBy } = this.#chat;
    if ((partner === undefined && invitedBy === undefined) || text.length > 16) return undefined;
    const word = text.trim().toLowerCase();
    if (partner !== undefined) return word === "leave" ? { type: "leave" } : undefined;
    if (word === "accept") return { type: "accept" };
    return word === "reject" ? { type: "reject" } : undefined;
  }
}
