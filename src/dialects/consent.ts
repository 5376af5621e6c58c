// Private chat by consent on one connection: whether accept, reject and leave are commands at the
// moment, and who a text is for. Dialects whose original has no such commands take them for
// ordinary text at any other time. Knows no wire format and no hub.

import type { Command, PersonalEvent } from "../chat/events.ts";
import { privateChat as limits } from "../limits.ts";
import { chatAfter, noChat } from "../client/private-chat-state.ts";

/** The commands of a private chat, in any case. */
export const consentWords = ["accept", "reject", "leave"] as const;

const maxWordChars = 16;

export class Consent {
  readonly #frame: (sentence: string) => string;
  #chat = noChat;
  #isLeaving = false;
  /**
   * The partner who ended the last private chat, while this side's texts may have been sent before
   * the news arrived.
   */
  #endedBy: string | undefined;
  /** Until when; undefined before the first of them. */
  #crossingUntilMs: number | undefined;
  /**
   * Until when an answer may be meant for an invitation that was withdrawn: without end until this
   * side's next message, which may have been under way with the news; undefined: for none.
   */
  #withdrawnUntilMs: number | undefined;

  /** `frame` wraps a notice in the dialect's form. */
  constructor(frame: (sentence: string) => string = (sentence) => sentence) {
    this.#frame = frame;
  }

  /** Whether everything typed goes to the partner alone. */
  get isChatting(): boolean {
    return this.#chat.partner !== undefined;
  }

  /** Tracks the state from the events shown to the user. */
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
    const isWithdrawn = isGone && before.invitedBy !== undefined && !this.#chat.invitedBy;
    this.#withdrawnUntilMs = isWithdrawn ? Infinity : undefined;
    this.#isLeaving = false;
  }

  /** The private-chat command in `text`, which arrived at `nowMs`, if it is one at the moment. */
  readWord(text: string, nowMs: number): Command | undefined {
    const isWithdrawn = this.#isWithdrawn(nowMs);
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

  #isWithdrawn(nowMs: number): boolean {
    const untilMs = this.#withdrawnUntilMs;
    if (untilMs === undefined) return false;
    if (nowMs >= untilMs) this.#withdrawnUntilMs = undefined;
    else if (untilMs === Infinity) this.#withdrawnUntilMs = nowMs + limits.crossingMs;
    return nowMs < untilMs;
  }

  /**
   * Says `text` to the partner during a private chat, else to the room. The first text after the
   * partner has ended the chat may have been meant for the partner, and so may those that were under
   * way with it; none of them are said.
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
