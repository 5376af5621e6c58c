// The native protocol (docs/protocol.md) as a dialect: translates messages of src/protocol into
// commands, and events into messages. Their meaning is up to the hub.

import type { Conversation, Dialect } from "../../chat/dialect.ts";
import type { Command, PersonalEvent, RoomEvent, Said } from "../../chat/events.ts";
import { changesText } from "../../chat/rooms/room-change.ts";
import type { SaidRun } from "../../chat/rooms/said-run.ts";
import type { RefusedNumbers } from "../../chat/turn/refused-numbers.ts";
import { folder, history, message as limits, names, search, sender } from "../../limits.ts";
import { decodeClient } from "../../protocol/decode-client.ts";
import { encodeRun, encodeServer } from "../../protocol/encode.ts";
import {
  type ClientMessage,
  type Hello,
  protocolVersion,
  type RoomMessage,
  type ServerMessage,
  type WelcomeSession,
} from "../../protocol/messages.ts";
import type { Undecodable } from "../../protocol/undecodable.ts";
import { quoted } from "../../text.ts";

/** What `welcome` announces about the server; fixed before the first connection. */
export type NativeServer = { name: string; udpPort: number; messagesPerSecond: number };

/** `ALL` as a recipient means the room. */
export const reservedWords = ["ALL"];

/** The dialect as spoken by `server`. */
export function nativeDialect(server: NativeServer): Dialect {
  const native: Dialect = {
    name: "native",
    reservedWords,
    input: "lines",
    output: "stream",
    severalLines: true,
    echo: { said: true, joined: true },
    refusalEnds: true,
    hearsCopies: true,
    renderRoom,
    open: () => new NativeConversation(server),
  };
  return { ...native, withRuns: { ...native, renderRun } };
}

function renderRoom(event: RoomEvent): string | undefined {
  switch (event.type) {
    case "said":
      return encodeServer(roomMessage(event));
    case "joined":
      return encodeServer({ type: "joined", room: event.room, name: event.name });
    case "left": {
      const { room, name, reason } = event;
      return encodeServer({ type: "left", room, name, reason });
    }
    case "renamed": {
      const { room, from, to } = event;
      return encodeServer({ type: "renamed", room, from, to });
    }
    case "away": {
      const { room, name, away: text } = event;
      return encodeServer({ type: "away", room, name, text });
    }
    case "mode": {
      const { room, by } = event;
      return encodeServer({ type: "mode", room, by, change: changesText(event.changes) });
    }
    default:
      return undefined;
  }
}

function renderRun(run: SaidRun): string {
  // The mark of a deleted text belongs to a single message.
  if (run.hasDeleted) return run.texts.map((_, i) => encodeServer(roomMessage(run.at(i)))).join("");
  const { room, seq, timeMs: time, from, textsJson, kind, n } = run;
  return encodeRun({ room, seq, time, from, textsJson, kind, n });
}

function roomMessage(said: Said): RoomMessage {
  const { room, seq, timeMs: time, from, text, kind, n, deleted } = said;
  return { type: "message", room, seq, time, from, text, kind, n, deleted };
}

class NativeConversation implements Conversation {
  #greeted = false;

  constructor(readonly server: NativeServer) {}

  greeting(): readonly string[] {
    return [];
  }

  receive(line: string): Command | undefined {
    if (!line.startsWith("{") && !/\S/.test(line)) return undefined;
    const message = decodeClient(line);
    if (!this.#greeted) {
      if (message.type === "undecodable") return { ...refusal(message), end: true };
      if (message.type !== "hello") {
        const first = "The first line must be a hello";
        return { type: "invalid", code: "protocol", message: first, end: true };
      }
      this.#greeted = true;
    }
    if (message.type === "say") return message;
    return message.type === "undecodable" ? refusal(message) : commandOf(message);
  }

  overflow(): Command {
    const message = `A line may have at most ${limits.maxLineBytes} bytes`;
    return { type: "invalid", code: "protocol", message, end: true };
  }

  render(event: PersonalEvent): string | undefined {
    const message = messageOf(event, this.server);
    return message === undefined ? undefined : encodeServer(message);
  }
}

function refusal({ reason, message, ref, n }: Undecodable): Extract<Command, { type: "invalid" }> {
  const code = reason === "version" ? "version" : "protocol";
  return { type: "invalid", code, message, ref, n };
}

function commandOf(message: ClientMessage): Command {
  switch (message.type) {
    case "hello":
      return loginOf(message);
    case "who": {
      const { room, after, ref } = message;
      return { type: "names", room, after, limit: names.pageNames, ref };
    }
    case "rooms":
      return { ...message, limit: names.pageNames };
    case "join": {
      const { room, key, epoch, seq, ref } = message;
      const since = epoch === undefined || seq === undefined ? undefined : { epoch, seq };
      return { type: "join", room, key, since, ref };
    }
    case "history": {
      const { limit = history.pageMessages } = message;
      return { ...message, limit: Math.min(limit, history.pageMessages) };
    }
    case "search": {
      const { limit = search.pageMessages } = message;
      return { ...message, limit };
    }
    case "files": {
      const { limit = folder.pageFiles } = message;
      return { ...message, limit: Math.min(limit, folder.pageFiles) };
    }
    case "fetch":
    case "tree":
      return { type: "transfer", request: message, ref: message.ref };
    case "pull":
    case "fetched":
      return { type: "transfer", request: message };
    case "code":
    case "code-proof":
    case "code-again":
      return { type: "invalid", code: "not-found", message: noCodes, ref: message.ref };
    case "code-done":
    case "code-failed":
      return { type: "invalid", code: "not-found", message: noCodes };
    case "admin":
      return { type: "admin", line: message.command, ref: message.ref };
    case "pong":
      return { type: "alive" };
    case "bye":
      return { type: "quit", forget: message.forget };
    // The command has the same fields as its message.
    default:
      return message;
  }
}

function loginOf({ name, secret, rooms, epoch, mail, runs, ...proof }: Hello): Command {
  const { serverPassword, pass, identity, password, token } = proof;
  if (name === undefined || proof.visitor === true) {
    const access = { serverPassword, pass, secret, identity };
    const owned = name === undefined ? {} : { password, token };
    return { type: "login", name: name ?? "", visitor: true, ...access, ...owned };
  }
  return {
    type: "login",
    name,
    serverPassword,
    pass,
    secret: secret ?? "",
    rooms,
    runs: runs === true,
    since: epoch === undefined ? undefined : { epoch, mail },
    identity,
    password,
    token,
    remember: proof.remember,
    takesFiles: proof.takesFiles,
    copies: proof.copies,
  };
}

/** Events without a message in the native protocol. */
const untold = [
  "sent",
  "question",
  "download",
  "authenticated",
  "described",
  "persona",
  "people",
  "former-people",
  "census",
  "watched",
  "watch-list",
  "signal",
  "signalled",
  "entry",
  "roster",
  "room-state",
  "done",
  "called-in",
  "echo",
  "past",
  "past-private",
  "past-targets",
  "files-wait",
] as const satisfies readonly PersonalEvent["type"][];

type Untold = Extract<PersonalEvent, { type: (typeof untold)[number] }>;

const untoldTypes: ReadonlySet<PersonalEvent["type"]> = new Set(untold);

function isUntold(event: PersonalEvent): event is Untold {
  return untoldTypes.has(event.type);
}

/** The message for an event; undefined if the client does not receive it. */
function messageOf(event: PersonalEvent, server: NativeServer): ServerMessage | undefined {
  switch (event.type) {
    case "welcome":
      return welcomeOf(event, server);
    case "refused": {
      const { code, message, name: subject, retryAfterMs } = event;
      const password = event.asksPassword === true ? true : undefined;
      return { type: "error", code, message, subject, retryAfterMs, password };
    }
    case "private": {
      const { mail, timeMs: time, from, to, text, kind, sealed } = event;
      const chat = event.chat ? true : undefined;
      const own = event.isOwn === true ? true : undefined;
      return { type: "private", mail, time, from, to, text, kind, chat, sealed, own };
    }
    case "replay":
      return roomMessage(event.message);
    case "history": {
      const { room, messages, ref } = event;
      return { type: "history", room, messages: messages.map(roomMessage), ref };
    }
    case "found": {
      const { type, room, messages, next, ref } = event;
      return { type, room, messages: messages.map(roomMessage), next, ref };
    }
    case "files": {
      const files = event.files.map(({ name, sizeBytes: size, modifiedMs: modified }) => ({
        name,
        size,
        modified,
      }));
      return { type: "files", files, next: event.next, ref: event.ref };
    }
    case "devices": {
      const devices = event.devices.map(({ addedMs, usedMs, revokedMs, isOwn, key, label }) => {
        const own = isOwn ? true : undefined;
        return { key, label, added: addedMs, used: usedMs, revoked: revokedMs, own };
      });
      return { type: "devices", devices, ref: event.ref };
    }
    case "transfer":
      return event.message;
    case "rooms": {
      const rooms = event.rooms.map(({ room, members }) => ({ room, members }));
      return { type: "rooms", rooms, next: event.next, ref: event.ref };
    }
    case "call":
      return { type: "call", room: event.room, from: event.from };
    case "topic":
      return { type: "topic", room: event.room, topic: event.topic };
    case "parted": {
      const { type, room, by, text, ref } = event;
      // The text of a `part` is for the room.
      const removal = by && { by: by.name, text: text === "" ? undefined : text };
      return { type, room, ...removal, ref };
    }
    default:
      return isUntold(event) ? undefined : event;
  }
}

function welcomeOf(
  event: Extract<PersonalEvent, { type: "welcome" }>,
  server: NativeServer,
): ServerMessage {
  const { name, secret, epoch, mail, n, recovered, rooms, token } = event;
  const registered = event.registered === true ? true : undefined;
  const refused = refusedOf(event.refused);
  const session = { name, secret, epoch, mail, n, refused, recovered, rooms, registered, token };
  return {
    type: "welcome",
    version: protocolVersion,
    server: server.name,
    udpPort: server.udpPort,
    ...(name === "" ? {} : { session }),
    access: event.access,
    codes: true,
    limits: {
      lineBytes: limits.maxLineBytes,
      textChars: limits.maxTextChars,
      nameChars: names.maxChars,
      recipients: limits.maxRecipients,
      rooms: names.maxRoomsPerSession,
      messagesPerSecond: server.messagesPerSecond,
      burstSeconds: sender.burstSeconds,
    },
  };
}

function refusedOf(refused: RefusedNumbers = []): WelcomeSession["refused"] {
  if (refused.length === 0) return undefined;
  return refused.map((run) => {
    const why = whyRefused[run.code] ?? "it was refused";
    const { to } = run;
    const message = to === undefined ? sentence(why) : `Not sent to ${quoted(to)}: ${why}`;
    return { ...run, message };
  });
}

/** The sentences that were sent with these codes are lost. */
const whyRefused: Readonly<Record<string, string>> = {
  muted: "you were muted",
  "not-in-room": "you were not in the room",
  "text-invalid": "the message was too long, or for too many people",
  "unknown-user": "nobody of that name was there",
  full: "too many messages wait for that person already",
};

function sentence(why: string): string {
  return why.slice(0, 1).toUpperCase() + why.slice(1);
}

/** Codes are for programs that serve files without a server. */
const noCodes = "Files by code are not served here: ask the sender for the address";
