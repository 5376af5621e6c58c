// The session's outgoing messages: which may be sent, when, and what became of them. Joins are sent
// before the messages that need them. Knows no connection.

import { message as messageLimits } from "../limits.ts";
import type {
  ClientMessage,
  ErrorMessage,
  RefusedMessages,
  ServerMessage,
} from "../protocol/messages.ts";
import { lineCount } from "../text.ts";
import type { HowToTell, SessionEvent, Unsayable } from "./events.ts";
import type { PendingRequests } from "./pending-requests.ts";
import type { Rooms } from "./rooms.ts";
import { type QueuedMessage, SendWindow } from "./send-window.ts";

export type SenderParts = {
  rooms: Rooms;
  requests: PendingRequests;
  isOnline: () => boolean;
  send: (message: ClientMessage) => void;
  emit: (event: SessionEvent) => void;
};

export class MessageSender {
  readonly #parts: SenderParts;
  readonly #window = new SendWindow();
  /** Maximum length of a text that the server accepts, in UTF-16 code units. */
  textChars: number = messageLimits.maxTextChars;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  get unacknowledged(): number {
    return this.#window.unacknowledged;
  }

  get space(): number {
    return this.#window.space;
  }

  get isWaiting(): boolean {
    return this.#window.inFlight > 0;
  }

  get nextTimeoutMs(): number | undefined {
    return this.#window.nextTimeoutMs;
  }

  /** ID of the session's message with number `n` and this text. */
  idOf(n: number, text: string): number | undefined {
    return this.#window.idOf(n, text);
  }

  hasSent(to: string, text: string): boolean {
    return this.#window.hasSent(to, text);
  }

  /** Without a room, `to` lists the recipients. Returns the message's ID. */
  queue(
    room: string | undefined,
    to: readonly string[],
    content: { text: string } & HowToTell,
  ): number | Unsayable {
    if (content.text.length > this.textChars) return "too-long";
    if (lineCount(content.text) > messageLimits.maxTextLines) return "too-many-lines";
    const id = this.#window.push(room, to, content);
    this.pump();
    return id ?? "queue-full";
  }

  /** Sends everything that may be sent now. */
  pump(): void {
    const { rooms, requests, isOnline, send } = this.#parts;
    if (!isOnline()) return;
    for (;;) {
      const ref = requests.nextRef();
      const join = rooms.pollJoin(ref);
      if (join === undefined) break;
      send({ type: "join", ...join, ref });
    }
    for (let next = this.#window.pollSend(); next !== undefined; next = this.#window.pollSend()) {
      send(next);
    }
  }

  /** Logged in: the server has accepted messages up to `n`, but for those it has refused. */
  handleWelcome(n: number, isFirst: boolean, refused?: readonly RefusedMessages[]): void {
    const { emit } = this.#parts;
    const { last, problems } = this.#window.handleWelcome(n, isFirst, refused);
    const acknowledge = (id: number): void =>
      emit({ type: "acknowledged", id, room: undefined, seq: undefined });
    for (const { message: sent, why } of problems) {
      const { code, message, to: subject } = why;
      if (subject === undefined) this.#emitFailed(sent, why);
      else {
        // Such an error is about the first message to that person that is not acknowledged yet.
        acknowledge(sent.id - 1);
        emit({ type: "error", code, message, ref: undefined, subject });
      }
    }
    if (last !== undefined) acknowledge(last);
  }

  handleAck({ n, room, seq }: Extract<ServerMessage, { type: "ack" }>): void {
    const id = this.#window.handleAck(n);
    if (id !== undefined) this.#parts.emit({ type: "acknowledged", id, room, seq });
    this.pump();
  }

  /** False: server and client disagree on the message count, so the connection must start over. */
  handleRefusal(n: number, refusal: ErrorMessage, nowMs: number): boolean {
    const outcome = this.#window.handleRefusal(n, refusal, nowMs);
    if (outcome.type === "lost-count") return false;
    if (outcome.type === "failed") this.#emitFailed(outcome.message, refusal);
    this.pump();
    return true;
  }

  handleTimeout(nowMs: number): void {
    this.#window.handleTimeout(nowMs);
    this.pump();
  }

  /** The connection was lost. */
  handleLost(): void {
    this.#window.handleLost();
  }

  /** Fails messages to rooms that the session is no longer in. */
  failUnreachable(): void {
    const { rooms } = this.#parts;
    const isUnreachable = ({ room }: QueuedMessage) => room !== undefined && !rooms.has(room);
    for (const message of this.#window.drop(isUnreachable)) {
      const why = `You are no longer in the room ${message.room}`;
      this.#emitFailed(message, { code: "not-in-room", message: why });
    }
  }

  #emitFailed({ id, room, text }: QueuedMessage, why: { code: string; message: string }): void {
    const { code, message } = why;
    this.#parts.emit({ type: "failed", id, room, text, code, message });
  }
}
