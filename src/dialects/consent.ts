// Private chat by consent as a dialect sees it from one connection: whether accept, reject and leave mean something now.
// In dialects whose own system has no such words they are ordinary text at any other time. Knows no wire and no hub.

import type { Command, PersonalEvent } from "../chat/events.ts";

export class Consent {
  #state: "none" | "invited" | "chatting" = "none";

  /** True while everything that is typed goes to the partner alone. */
  get chatting(): boolean {
    return this.#state === "chatting";
  }

  /** Follows what the member is told. */
  hear(event: PersonalEvent): void {
    if (event.type !== "chat") return;
    if (event.state === "invited") this.#state = "invited";
    else if (event.state === "started") this.#state = "chatting";
    // `busy` and `asked` answer a request of one's own and say nothing about a chat or an invitation that there is
    else if (event.state !== "busy" && event.state !== "asked") this.#state = "none";
  }

  /** The command that `text` is at this moment, if it is one. Letter case and blanks around it don't matter. */
  read(text: string): Command | undefined {
    if (this.#state === "none" || text.length > 16) return undefined;
    const word = text.trim().toLowerCase();
    if (this.#state === "chatting") return word === "leave" ? { type: "leave" } : undefined;
    if (word === "accept") return { type: "accept" };
    return word === "reject" ? { type: "reject" } : undefined;
  }
}
