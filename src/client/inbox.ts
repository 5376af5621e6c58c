// A session's read positions in its rooms and mailbox: reports each message once, detects gaps, and
// knows when everything missed during a lost connection has arrived. Knows no lines and no
// connection.

import { BoundedMap } from "../bounded-map.ts";
import { protocol as limits } from "../limits.ts";
import type { ServerMessage, WelcomeSession } from "../protocol/messages.ts";
import { reconnectSummary } from "./backoff.ts";
import type { SessionEvent, SessionPosition } from "./events.ts";
import { type Readmission, Rooms } from "./rooms.ts";
import { type Continuation, StreamPosition } from "./stream-position.ts";

type Message<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

/** Identifies the session's own messages. */
export type Ownership = {
  name: string | undefined;
  idOf: (n: number, text: string) => number | undefined;
  /** Whether a copy of a private message to that person is of one that this session has sent. */
  hasSent: (to: string, text: string) => boolean;
};

export class Inbox {
  readonly rooms: Rooms;
  readonly #mail: StreamPosition;
  readonly #emit: (event: SessionEvent) => void;
  #epoch: string | undefined;
  /** Messages whose deletion was reported. */
  readonly #deleted = new BoundedMap<string, true>(limits.erasures);
  /** Reconnected, but not everything missed has arrived yet. */
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

  /** Undefined before the first login. */
  get position(): SessionPosition | undefined {
    const { last: mail } = this.#mail;
    if (this.#epoch === undefined || mail === undefined) return undefined;
    return { epoch: this.#epoch, mail, rooms: this.rooms.points };
  }

  /** Logged in: continues from the last position. */
  resume(session: WelcomeSession | undefined, maxRooms: number): Readmission {
    if (session === undefined) return { how: "recovered", lost: [], stray: [] };
    const { epoch, mail, recovered, rooms } = session;
    const restarted = this.#epoch !== undefined && this.#epoch !== epoch;
    this.#epoch = epoch;
    // Another log uses the same numbers for other messages.
    if (restarted) this.#deleted.clear();
    const continuation = recovered ? "recovered" : "trimmed";
    const mailHow = this.#mail.resume(restarted ? "restarted" : continuation, mail);
    const readmission = this.rooms.handleWelcome(rooms, restarted, maxRooms);
    return readmission.how === "recovered" ? { ...readmission, how: mailHow } : readmission;
  }

  /**
   * Reports the return once everything missed has arrived, or immediately if some of it is lost for
   * good.
   */
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
    const { room, seq, time, from, texts, kind, n } = run;
    for (const [i, text] of texts.entries()) {
      const counted = n === undefined ? undefined : n + i;
      this.handleRoomMessage(
        { type: "message", room, seq: seq + i, time, from, text, kind, n: counted },
        own,
      );
    }
  }

  handleRoomMessage(message: Message<"message">, own: Ownership): void {
    const { room, seq, time: timeMs, from, text, kind, n, deleted } = message;
    // It was in transit when the session left the room.
    const found = this.rooms.find(room);
    const arrival = found?.position.arrive(seq);
    if (found === undefined || arrival?.fresh !== true) return;
    const { name } = found;
    if (arrival.missing !== undefined) this.#emit({ type: "gap", room: name, ...arrival.missing });
    const mine = from === own.name;
    const id = mine && n !== undefined ? own.idOf(n, text) : undefined;
    const { replayed } = arrival;
    const said = { room: name, seq, timeMs, from, text, kind, mine, id, replayed, deleted };
    this.#emit({ type: "message", ...said });
    this.checkReturned();
  }

  /** After a lost connection the server repeats what it has told before. */
  handleDeleted({ room, seq }: Message<"deleted">): void {
    const name = this.rooms.find(room)?.name;
    const key = `${seq} ${name}`;
    if (name === undefined || this.#deleted.has(key)) return;
    this.#deleted.set(key, true);
    this.#emit({ type: "deleted", room: name, seq });
  }

  /**
   * Gaps in the mailbox are not reported: the server keeps less of it than of a room, and announces
   * that with `recovered`.
   */
  handlePrivate(message: Message<"private">, own: Ownership): void {
    const { mail, time: timeMs, from, to, text, kind, sealed, chat = false } = message;
    const arrival = this.#mail.arrive(mail);
    if (!arrival.fresh) return;
    const { replayed } = arrival;
    if (message.own === true) {
      const [person = ""] = to;
      const shown = sealed === undefined ? text : "";
      if (sealed !== undefined || !own.hasSent(person, text)) {
        this.#emit({ type: "copied", mail, timeMs, to, text: shown, kind, sealed, replayed });
      }
    } else {
      this.#emit({ type: "private", mail, timeMs, from, to, chat, text, kind, sealed, replayed });
    }
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

  /** Call after anything that may complete the return: a message, a parted room. */
  checkReturned(): void {
    if (this.#returning === undefined) return;
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
