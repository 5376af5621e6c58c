// Rooms over HTTP, for programs: one request is one conversation. The hub's answer is rendered as a
// head (one line of JSON) and a body: JSON, or Server-Sent Events for as long as the program
// listens. server/web/room-routes.ts turns it into a response.

import type { Conversation, Dialect } from "../../chat/dialect.ts";
import type { Command, PersonalEvent, RoomEvent, Said } from "../../chat/events.ts";
import type { ErrorCode } from "../../errors.ts";
import { decodeRequest, positionText } from "./room-request.ts";

/** The first line of an answer. */
export type ResponseHead = {
  status: number;
  /** Seconds to wait before retrying. */
  retryAfter?: number;
  /** Events follow until the connection ends; otherwise one line of JSON. */
  isStream?: true;
};

/** How long an EventSource waits before reconnecting. */
const retryMs = 3_000;

/** `epoch`: identifies the log that message numbers belong to. */
export function httpRooms(epoch: string): Dialect {
  return {
    name: "http",
    reservedWords: [],
    input: "lines",
    output: "stream",
    echo: { said: true, joined: true },
    severalLines: true,
    hearsMail: false,
    refusalEnds: true,
    renderRoom: (event) => renderRoom(epoch, event),
    open: () => new HttpConversation(epoch),
  };
}

function renderRoom(epoch: string, event: RoomEvent): string | undefined {
  switch (event.type) {
    case "said":
      return messageEvent(epoch, event);
    case "joined": {
      const { type, room, name } = event;
      return eventText(type, { room, name });
    }
    case "left": {
      const { type, room, name, reason } = event;
      return eventText(type, { room, name, reason });
    }
    case "renamed": {
      const { type, room, from, to } = event;
      return eventText(type, { room, from, to });
    }
    default:
      return undefined;
  }
}

function messageEvent(epoch: string, said: Said): string {
  return eventText("message", fieldsOf(said), positionText(epoch, said.seq));
}

function fieldsOf({ room, seq, timeMs: time, from, text, kind, deleted }: Said) {
  return { room, seq, time, from, text, kind, deleted };
}

/** Serialized JSON contains no line breaks, so one `data` line is enough. */
function eventText(event: string, fields: object, id?: string): string {
  const data = JSON.stringify({ event, ...fields });
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}

class HttpConversation implements Conversation {
  readonly #epoch: string;
  /** The client asked for the messages it missed. */
  #isBack = false;
  /** The head has been sent. */
  #isAnswered = false;

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  greeting(): readonly string[] {
    return [];
  }

  receive(message: string): Command | undefined {
    const command = decodeRequest(message);
    this.#isBack = command?.type === "listen" && command.since !== undefined;
    if (command !== undefined) return command;
    return { type: "invalid", code: "protocol", message: "The request is malformed", end: true };
  }

  render(event: PersonalEvent): string | undefined {
    switch (event.type) {
      case "ack": {
        const { room, seq } = event;
        return this.#answer({ status: 200 }, { room, seq });
      }
      case "history": {
        const { room, messages } = event;
        const rows = messages.map(withoutRoom);
        return this.#answer({ status: 200 }, { room, epoch: this.#epoch, messages: rows });
      }
      case "welcome":
        return this.#welcome(event);
      case "replay":
        return messageEvent(this.#epoch, event.message);
      case "topic": {
        const { type, room, topic } = event;
        return eventText(type, { room, topic });
      }
      case "deleted": {
        const { type, room, seq } = event;
        return eventText(type, { room, seq });
      }
      case "error":
      case "refused":
        return this.#fail(event.code, event.message, event.retryAfterMs);
      case "bye": {
        // A close without a code is worth a reconnect.
        const { code, reason: message } = event;
        if (this.#isAnswered) return eventText("ended", { code, message });
        return this.#fail(code === "banned" || code === "kicked" ? code : "storage", message);
      }
      default:
        return undefined;
    }
  }

  #welcome({ name, rooms }: Extract<PersonalEvent, { type: "welcome" }>): string | undefined {
    const [entry] = rooms;
    if (entry === undefined) return this.#fail("not-allowed", "The room is private, or closed");
    this.#isAnswered = true;
    const { room, seq, recovered } = entry;
    const head: ResponseHead = { status: 200, isStream: true };
    const fields = { name, room, seq };
    // The starting position, for a client that loses the connection before the first message.
    // Replayed messages follow it and carry their own positions.
    const id = this.#isBack ? undefined : positionText(this.#epoch, seq);
    const online = eventText("online", { ...fields, recovered: recovered || !this.#isBack }, id);
    return `${JSON.stringify(head)}\nretry: ${retryMs}\n\n${online}`;
  }

  #fail(code: ErrorCode, message: string, retryAfterMs?: number): string | undefined {
    const status = statusOf(code);
    const isLater = status === 429 || status === 503;
    const head: ResponseHead = { status };
    if (isLater) head.retryAfter = Math.max(1, Math.ceil((retryAfterMs ?? 1_000) / 1_000));
    return this.#answer(head, { code, message });
  }

  #answer(head: ResponseHead, body: object): string | undefined {
    if (this.#isAnswered) return undefined;
    this.#isAnswered = true;
    return `${JSON.stringify(head)}\n${JSON.stringify(body)}\n`;
  }
}

function withoutRoom({ seq, timeMs: time, from, text, kind, deleted }: Said) {
  return { seq, time, from, text, kind, deleted };
}

function statusOf(code: ErrorCode): number {
  switch (code) {
    case "wrong-token":
      return 401;
    case "banned":
    case "kicked":
    case "muted":
    case "not-allowed":
    case "invite-only":
    case "room-key":
    case "room-banned":
      return 403;
    case "not-found":
      return 404;
    case "rate":
    case "full":
    case "room-full":
      return 429;
    case "storage":
      return 503;
    default:
      return 400;
  }
}
