// Keeps the session across a reload: user, rooms with unread counts and drafts, read positions, and
// the messages that the server will not send again. Deleted when the session ends or the tab
// closes.

import type { SessionPosition } from "../client/events.ts";
import { FieldReader, parseObject } from "../protocol/field-reader.ts";
import type { RoomPoint } from "../protocol/messages.ts";
import { type Message, type MessageLog, type NewMessage, unrepeatable } from "./message-log.ts";
import type { StoredRoom } from "./state.ts";

const key = "parley-session";
/** Maximum number of kept messages … */
const maxMessages = 200;
/** … and their maximum total length. Encoded, that is about a quarter of a browser's 5 MB quota. */
const maxMessageChars = 500_000;
/**
 * Maximum number of JSON values: enough for 200 messages with up to 64 recipients each, and the
 * rooms.
 */
const maxValues = 65_536;

export type StoredSession = {
  name: string;
  secret: string;
  /** Proves a registered name instead of its password. */
  token: string | undefined;
  rooms: readonly StoredRoom[];
  /** The current room. */
  shown: string | undefined;
  /** Undefined if the session was never online. */
  since: SessionPosition | undefined;
  messages: readonly NewMessage[];
};

export function store(session: Omit<StoredSession, "messages">, log: MessageLog): void {
  const messages = unrepeatable(log, maxMessages, maxMessageChars);
  const stored: StoredSession = { ...session, messages };
  try {
    sessionStorage.setItem(key, JSON.stringify(stored));
  } catch {
    // Storage may be disabled. Then a reload starts at the login form.
  }
}

export function clearStored(): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Storage is disabled, so nothing was stored.
  }
}

export function loadStored(): StoredSession | undefined {
  try {
    return decodeStored(sessionStorage.getItem(key) ?? "");
  } catch {
    return undefined;
  }
}

/** Decodes what `store` wrote. Undefined for anything else, such as another version's format. */
export function decodeStored(text: string): StoredSession | undefined {
  const fields = parseObject(text, { maxValues });
  if (fields === undefined) return undefined;
  const reader = new FieldReader(fields);
  const stored: StoredSession = {
    name: reader.text("name"),
    secret: reader.text("secret"),
    token: reader.optionalText("token"),
    rooms: reader.list("rooms", readRoom),
    shown: reader.optionalText("shown"),
    since: reader.optionalObject("since", readPosition),
    messages: reader.list("messages", readMessage),
  };
  return reader.problem === undefined ? stored : undefined;
}

function readRoom(reader: FieldReader): StoredRoom {
  return {
    name: reader.text("name"),
    unread: reader.count("unread"),
    mentions: reader.count("mentions"),
    text: reader.text("text"),
    recipients: reader.texts("recipients"),
    writtenTo: reader.optionalText("writtenTo"),
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
  const key = reader.optionalText("key");
  const point = { room: reader.text("room"), seq: reader.optionalCount("seq") };
  return key === undefined ? point : { ...point, key };
}

function readMessage(reader: FieldReader): NewMessage {
  const room = reader.optionalText("room");
  return {
    kind: "message",
    room,
    from: reader.text("from"),
    text: reader.text("text"),
    manner: readManner(reader),
    timeMs: reader.number("timeMs"),
    mine: reader.flag("mine"),
    isSealed: reader.optionalFlag("isSealed"),
    to: room === undefined ? reader.texts("to") : undefined,
    seq: undefined,
    id: undefined,
    delivery: readDelivery(reader),
    problem: reader.optionalText("problem"),
    mentionsMe: false,
  };
}

function readManner(reader: FieldReader): Message["manner"] {
  const manner = reader.optionalText("manner");
  return manner === "emote" || manner === "notice" ? manner : undefined;
}

function readDelivery(reader: FieldReader): Message["delivery"] {
  const delivery = reader.text("delivery");
  if (delivery === "waiting" || delivery === "sent" || delivery === "failed") return delivery;
  reader.refuse("`delivery` must be a known delivery state");
  return "failed";
}
