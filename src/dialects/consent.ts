// Private chat by consent on one connection: whether accept, reject and leave are commands right
// now, and who a text is for. Where the original dialect lacks these commands, they are ordinary
// text at any other time. Knows no wire format and no hub.

import type { Command, PersonalEvent } from "../chat/events.ts";
import { privateChat as limits } from "../limits.ts";
import { chatAfter, noChat } from "../client/private-chat-state.ts";

/** The commands of a private chat, case-insensitive. */
export const consentWords = ["accept", "reject", "leave"] as const;

const maxWordChars = 16;

export class Consent {
  readonly #frame: (sentence: string) => string;
  #chat = noChat;
  #isLeaving = false;
  /**
   * The partner who ended the last private chat, while texts from this side may still cross the
   * news.
   */
  #endedBy: string | undefined;
  /** End of the window for crossing texts; undefined until the first such text arrives. */
  #crossingUntilMs: number | undefined;
  /**
   * Until when `accept` or `reject` may refer to a withdrawn invitation. Infinite until this side's
   * next message, which may have crossed the news; undefined if no invitation was withdrawn.
   */
  #withdrawnUntilMs: number | undefined;

  /** `frame` wraps a notice in the dialect's form. */
  constructor(frame: (sentence: string) => string = (sentence) => sentence) {
    this.#frame = frame;
  }

  /** Whether everything typed goes only to the partner. */
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

  /** The private-chat command in `text`, received at `nowMs`, if it is valid right now. */
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
    else if (untilMs === Infinity) this.#withdrawnUntilMs = nowMs + limits.withdrawnMs;
    return nowMs < untilMs;
  }

  /**
   * Sends `text` to the partner during a private chat, otherwise to the room. After the partner has
   * ended the chat, the first text and those that crossed the news may have been meant for the
   * partner; they are not sent.
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
