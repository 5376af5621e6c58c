// What a session has read of its rooms and its mailbox: tells what arrives, once each, finds what
// is missing, and knows when everything missed while the connection was gone has come. Knows no
// lines and no connection.

import type { ServerMessage, WelcomeSession } from "../protocol/messages.ts";
import { reconnectSummary } from "./backoff.ts";
import type { SessionEvent, SessionPosition } from "./events.ts";
import { type Readmission, Rooms } from "./rooms.ts";
import { type Continuation, StreamPosition } from "./stream-position.ts";

type Message<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

/** Whose messages are ours. */
export type Ownership = { name: string | undefined; idOf: (n: number) => number | undefined };

export class Inbox {
  readonly rooms: Rooms;
  readonly #mail: StreamPosition;
  readonly #emit: (event: SessionEvent) => void;
  #epoch: string | undefined;
  /** Back, and not everything missed has arrived yet. */
  #returning: { how: Continuation; afterMs: number } | undefined;

  constructor(
    rooms: readonly string[],
    since: SessionPosition | undefined,
    emit: (event: SessionEvent) => void,
  ) {
    this.rooms = new Rooms(rooms, since?.rooms);
    this.#mail = new StreamPosition(since?.mail);
    this.#epoch = since?.epoch;
    this.#emit = emit;
  }

  /** Undefined: nothing was read yet. */
  get position(): SessionPosition | undefined {
    const { last: mail } = this.#mail;
    if (this.#epoch === undefined || mail === undefined) return undefined;
    return { epoch: this.#epoch, mail, rooms: this.rooms.points };
  }

  /** Logged in: goes on where it was. */
  resume(session: WelcomeSession | undefined, maxRooms: number): Readmission {
    if (session === undefined) return { how: "recovered", lost: [], stray: [] };
    const { epoch, mail, recovered, rooms } = session;
    const restarted = this.#epoch !== undefined && this.#epoch !== epoch;
    this.#epoch = epoch;
    const continuation = recovered ? "recovered" : "trimmed";
    const mailHow = this.#mail.resume(restarted ? "restarted" : continuation, mail);
    const readmission = this.rooms.handleWelcome(rooms, restarted, maxRooms);
    return readmission.how === "recovered" ? { ...readmission, how: mailHow } : readmission;
  }

  /** Tells of the return once everything missed is there, at once if some of it never will be. */
  announceReturn(how: Continuation, afterMs: number): void {
    this.#returning = { how, afterMs };
    if (how === "recovered") this.checkReturned();
    else this.#emitReturned();
  }

  handleLost(): void {
    this.#returning = undefined;
    this.rooms.handleLost();
  }

  handleRun(run: Message<"messages">, own: Ownership): void {
    const { room, seq, time, from, texts, n } = run;
    for (const [i, text] of texts.entries()) {
      const counted = n === undefined ? undefined : n + i;
      this.handleRoomMessage(
        { type: "message", room, seq: seq + i, time, from, text, n: counted },
        own,
      );
    }
  }

  handleRoomMessage({ room, seq, time, from, text, n }: Message<"message">, own: Ownership): void {
    // What was on its way when the room was left is of no interest any more.
    const found = this.rooms.find(room);
    const arrival = found?.position.arrive(seq);
    if (found === undefined || arrival?.fresh !== true) return;
    const { name } = found;
    if (arrival.missing !== undefined) this.#emit({ type: "gap", room: name, ...arrival.missing });
    const mine = from === own.name;
    const id = mine && n !== undefined ? own.idOf(n) : undefined;
    const { replayed } = arrival;
    this.#emit({ type: "message", room: name, seq, timeMs: time, from, text, mine, id, replayed });
    this.checkReturned();
  }

  /**
   * Mail has no gap to find: the server keeps less of it than of a room, and says so with
   * `recovered`.
   */
  handlePrivate({ type, mail, time, from, to, chat, text }: Message<"private">): void {
    const arrival = this.#mail.arrive(mail);
    if (!arrival.fresh) return;
    const { replayed } = arrival;
    this.#emit({ type, mail, timeMs: time, from, to, chat: chat === true, text, replayed });
    this.checkReturned();
  }

  handlePresence(message: Message<"joined" | "left" | "renamed">): void {
    if (message.type === "renamed" && message.room === undefined) {
      const { type, from, to } = message;
      return this.#emit({ type, room: undefined, from, to });
    }
    const room = message.room === undefined ? undefined : this.rooms.find(message.room)?.name;
    if (room === undefined) return;
    if (message.type === "joined") this.#emit({ type: "joined", room, name: message.name });
    else if (message.type === "left") {
      this.#emit({ type: "left", room, name: message.name, reason: message.reason });
    } else this.#emit({ type: "renamed", room, from: message.from, to: message.to });
  }

  /** A room that was waited for may have been left. */
  checkReturned(): void {
    if (this.#mail.complete && this.rooms.complete) this.#emitReturned();
  }

  #emitReturned(): void {
    if (this.#returning === undefined) return;
    const { how, afterMs } = this.#returning;
    this.#returning = undefined;
    const caughtUp = this.#mail.caughtUp + this.rooms.caughtUp;
    const summary = reconnectSummary(how, afterMs, caughtUp);
    this.#emit({ type: "reconnected", afterMs, caughtUp, recovered: how === "recovered", summary });
  }
}
