// Private chat by consent, as one connection of a dialect knows it: whether accept, reject and
// leave mean something now, and whom a text is for. Dialects whose own system has no such words
// take them for ordinary text at any other time. Knows no wire and no hub.

import type { Command, PersonalEvent } from "../chat/events.ts";
import { privateChat as limits } from "../limits.ts";
import { chatAfter, noChat } from "../client/private-chat-state.ts";

/** The words of a private chat, in any letter case. */
export const consentWords = ["accept", "reject", "leave"] as const;

const maxWordChars = 16;

export class Consent {
  readonly #frame: (sentence: string) => string;
  #chat = noChat;
  #isLeaving = false;
  /** Who has ended a private chat, while this side's texts may have been sent before. */
  #endedBy: string | undefined;
  /** Until when; undefined before the first of them. */
  #crossingUntilMs: number | undefined;
  /** An invitation has been withdrawn, until this side's next message. */
  #isWithdrawn = false;

  /** `frame` puts a sentence into the dialect's form. */
  constructor(frame: (sentence: string) => string = (sentence) => sentence) {
    this.#frame = frame;
  }

  /** Whether everything that is typed is for the partner alone. */
  get isChatting(): boolean {
    return this.#chat.partner !== undefined;
  }

  /** Follows what the person is told. */
  handleEvent(event: PersonalEvent): void {
    if (event.type !== "chat") return;
    const before = this.#chat;
    this.#chat = chatAfter(before, event.state, event.with);
    const isOver = before.partner !== undefined && !this.isChatting;
    if (isOver || this.isChatting) {
      this.#endedBy = this.isChatting || this.#isLeaving ? undefined : event.with;
      this.#crossingUntilMs = undefined;
    }
    const isGone = event.state === "left" || event.state === "lost";
    this.#isWithdrawn = isGone && before.invitedBy !== undefined && !this.#chat.invitedBy;
    this.#isLeaving = false;
  }

  /** The command that `text` is at this moment, if it is one of the words. */
  readWord(text: string): Command | undefined {
    const isWithdrawn = this.#isWithdrawn;
    this.#isWithdrawn = false;
    if (text.length > maxWordChars) return undefined;
    const word = text.trim().toLowerCase();
    if (this.isChatting) {
      if (word !== "leave") return undefined;
      this.#isLeaving = true;
      return { type: "leave" };
    }
    if (this.#chat.invitedBy === undefined && !isWithdrawn) return undefined;
    return word === "accept" || word === "reject" ? { type: word } : undefined;
  }

  /**
   * The command that says `text`: to the partner while a private chat lasts, else to the room. The
   * first text after the partner has ended the chat may have been meant for the partner, and so may
   * those that follow before a person can have read that it was not said; none of them are.
   */
  say(text: string, nowMs: number): Command {
    if (this.isChatting) return { type: "say", text, to: "partner" };
    const endedBy = this.#endedBy;
    this.#crossingUntilMs ??= nowMs + limits.crossingMs;
    if (endedBy === undefined || nowMs >= this.#crossingUntilMs) {
      this.#endedBy = undefined;
      return { type: "say", text };
    }
    const sentence =
      `not said: your private chat with ${endedBy} has ended, ` +
      "send it again to say it to everyone";
    return { type: "reply", text: this.#frame(sentence) };
  }
}
