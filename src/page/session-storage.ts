// What a tab remembers over a reload: its user, its rooms with what was unread and typed there, how far it has read, and the
// messages that the server does not repeat. Kept by the tab alone; deleted when the session ends, or with the tab.

import type { SessionPosition } from "../client/events.ts";
import { FieldReader, parseObject } from "../protocol/field-reader.ts";
import type { RoomPoint } from "../protocol/messages.ts";
import { type Message, type MessageLog, type NewMessage, unrepeatable } from "./message-log.ts";
import type { StoredRoom } from "./state.ts";

const key = "parley-session";
/** Messages kept at most … */
const maxMessages = 200;
/** … and their characters: with what is around them, a quarter of the 5 MB that a browser gives. */
const maxMessageChars = 500_000;
/** Values in what is stored: 200 messages to a few recipients each, and all rooms twice. */
const maxValues = 65_536;

export type StoredSession = {
  name: string;
  secret: string;
  rooms: readonly StoredRoom[];
  /** The room that was shown. */
  shown: string | undefined;
  /** Undefined: the session was never online. */
  since: SessionPosition | undefined;
  messages: readonly NewMessage[];
};

export function store(session: Omit<StoredSession, "messages">, log: MessageLog): void {
  const { name, secret, shown, since } = session;
  const rooms = session.rooms.map(({ name, unread, mentions, draft }) => ({
    name,
    unread,
    mentions,
    draft,
  }));
  const messages = unrepeatable(log, maxMessages, maxMessageChars);
  const stored: StoredSession = { name, secret, rooms, shown, since, messages };
  try {
    sessionStorage.setItem(key, JSON.stringify(stored));
  } catch {
    // Storage may be switched off; then a reload starts at the login form.
  }
}

export function clearStored(): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Storage is switched off, so nothing was stored.
  }
}

export function loadStored(): StoredSession | undefined {
  try {
    return decodeStored(sessionStorage.getItem(key) ?? "");
  } catch {
    return undefined;
  }
}

/** Reads what `store` wrote; undefined for anything else, such as what another version of the page left. */
export function decodeStored(text: string): StoredSession | undefined {
  const fields = parseObject(text, { maxValues });
  if (fields === undefined) return undefined;
  const reader = new FieldReader(fields);
  const stored: StoredSession = {
    name: reader.text("name"),
    secret: reader.text("secret"),
    rooms: reader.list("rooms", readRoom),
    shown: reader.optionalText("shown"),
    since: reader.optionalObject("since", readPosition),
    messages: reader.list("messages", readMessage),
  };
  return reader.problem === undefined ? stored : undefined;
}

/** A secret that nobody can guess: 128 bits in 32 hexadecimal digits. */
export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function readRoom(reader: FieldReader): StoredRoom {
  return {
    name: reader.text("name"),
    unread: reader.count("unread"),
    mentions: reader.count("mentions"),
    draft: reader.text("draft"),
  };
}

function readPosition(reader: FieldReader): SessionPosition {
  return {
    epoch: reader.text("epoch"),
    mail: reader.count("mail"),
    rooms: reader.list("rooms", readPoint),
  };
}

function readPoint(reader: FieldReader): RoomPoint {
  return { room: reader.text("room"), seq: reader.optionalCount("seq") };
}

function readMessage(reader: FieldReader): NewMessage {
  const room = reader.optionalText("room");
  return {
    kind: "message",
    room,
    from: reader.text("from"),
    text: reader.text("text"),
    timeMs: reader.number("timeMs"),
    mine: reader.flag("mine"),
    to: room === undefined ? reader.texts("to") : undefined,
    seq: undefined,
    id: undefined,
    delivery: readDelivery(reader),
    problem: reader.optionalText("problem"),
    mentionsMe: false,
  };
}

function readDelivery(reader: FieldReader): Message["delivery"] {
  const delivery = reader.text("delivery");
  if (delivery === "waiting" || delivery === "sent" || delivery === "failed") return delivery;
  reader.refuse("`delivery` is none that there is");
  return "failed";
}
