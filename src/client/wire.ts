// Lines of the native protocol (docs/protocol.md) as a client reads them: a line in, a typed value out, undefined for whatever it
// does not understand. Never throws. Knows no session.

import type { ChatState, LeaveReason } from "../chat/events.ts";
import type { Answer, ListedFile } from "./events.ts";

export type ServerLine =
  | {
      type: "welcome";
      server: string;
      name: string | undefined;
      room: string;
      epoch: string;
      seq: number;
      mail: number;
      recovered: boolean;
      n: number;
      textChars: number | undefined;
    }
  | { type: "ack"; n: number; seq: number | undefined }
  | {
      type: "error";
      code: string;
      message: string;
      subject: string | undefined;
      n: number | undefined;
      ref: number | undefined;
      retryAfterMs: number | undefined;
    }
  | {
      type: "message";
      seq: number;
      timeMs: number;
      from: string;
      text: string;
      n: number | undefined;
    }
  | {
      /** Messages of one sender that follow each other: `seq` and `n` are those of the first. */
      type: "messages";
      seq: number;
      timeMs: number;
      from: string;
      texts: readonly string[];
      n: number | undefined;
    }
  | {
      type: "private";
      mail: number;
      timeMs: number;
      from: string;
      to: readonly string[];
      chat: boolean;
      text: string;
    }
  | { type: "joined"; name: string }
  | { type: "left"; name: string; reason: LeaveReason }
  | { type: "renamed"; from: string; to: string }
  | { type: "chat"; state: ChatState; with: string }
  | { type: "bye"; reason: string; code: string | undefined }
  | { type: "ping" }
  | { type: "pong" }
  | {
      type: "entered";
      room: string;
      epoch: string;
      seq: number;
      recovered: boolean;
      ref: number | undefined;
    }
  | { type: "answer"; ref: number | undefined; answer: Answer };

type Fields = Readonly<Record<string, unknown>>;

const chatStates: ReadonlySet<string> = new Set<ChatState>([
  "asked",
  "invited",
  "started",
  "rejected",
  "busy",
  "left",
  "lost",
]);
const leaveReasons: ReadonlySet<string> = new Set<LeaveReason>([
  "quit",
  "lost",
  "slow",
  "moved",
  "replaced",
]);

/** Reads one line. Undefined: no JSON object, an unknown type, or a field that is missing or of the wrong kind. */
export function readServerLine(line: string): ServerLine | undefined {
  const fields = readObject(line);
  if (fields === undefined || typeof fields.type !== "string") return undefined;
  const reader = Object.hasOwn(readers, fields.type) ? readers[fields.type] : undefined;
  return reader?.(fields);
}

const readers: Readonly<Record<string, (fields: Fields) => ServerLine | undefined>> = {
  welcome: readWelcome,
  ack: (f) => (isCount(f.n) ? { type: "ack", n: f.n, seq: count(f.seq) } : undefined),
  error: (f) => ({
    type: "error",
    code: text(f.code) ?? "protocol",
    message: text(f.message) ?? text(f.code) ?? "The server refused without a reason",
    subject: text(f.subject),
    n: count(f.n),
    ref: count(f.ref),
    retryAfterMs: count(f.retryAfterMs),
  }),
  message: (f) => {
    const message = readMessage(f);
    return message && { type: "message", ...message, n: count(f.n) };
  },
  messages: (f) =>
    isCount(f.seq) && typeof f.from === "string" && Array.isArray(f.texts)
      ? {
          type: "messages",
          seq: f.seq,
          timeMs: time(f.time),
          from: f.from,
          // one that is no string still counts
          texts: f.texts.map((item: unknown) => text(item) ?? ""),
          n: count(f.n),
        }
      : undefined,
  private: (f) =>
    isCount(f.mail) && typeof f.from === "string" && typeof f.text === "string"
      ? {
          type: "private",
          mail: f.mail,
          timeMs: time(f.time),
          from: f.from,
          to: texts(f.to),
          chat: f.chat === true,
          text: f.text,
        }
      : undefined,
  joined: (f) => (typeof f.name === "string" ? { type: "joined", name: f.name } : undefined),
  left: (f) =>
    typeof f.name === "string"
      ? { type: "left", name: f.name, reason: isLeaveReason(f.reason) ? f.reason : "quit" }
      : undefined,
  renamed: (f) =>
    typeof f.from === "string" && typeof f.to === "string"
      ? { type: "renamed", from: f.from, to: f.to }
      : undefined,
  chat: (f) =>
    isChatState(f.state) ? { type: "chat", state: f.state, with: text(f.with) ?? "" } : undefined,
  bye: (f) => ({ type: "bye", reason: text(f.reason) ?? "", code: text(f.code) }),
  ping: () => ({ type: "ping" }),
  pong: () => ({ type: "pong" }),
  entered: (f) =>
    typeof f.room === "string" && typeof f.epoch === "string" && isCount(f.seq)
      ? {
          type: "entered",
          room: f.room,
          epoch: f.epoch,
          seq: f.seq,
          recovered: f.recovered === true,
          ref: count(f.ref),
        }
      : undefined,
  names: (f) =>
    answer(f, {
      type: "names",
      room: text(f.room) ?? "",
      names: texts(f.names),
      total: count(f.total) ?? texts(f.names).length,
      next: text(f.next),
    }),
  rooms: (f) => answer(f, { type: "rooms", rooms: pick(f.rooms, readRoom), next: text(f.next) }),
  history: (f) =>
    answer(f, {
      type: "history",
      room: text(f.room) ?? "",
      messages: pick(f.messages, readMessage),
    }),
  files: (f) => answer(f, { type: "files", files: pick(f.files, readFile), next: text(f.next) }),
  name: (f) => (typeof f.name === "string" ? answer(f, { type: "name", name: f.name }) : undefined),
};

function readWelcome(f: Fields): ServerLine | undefined {
  if (typeof f.epoch !== "string") return undefined;
  const limits = isObject(f.limits) ? f.limits : {};
  return {
    type: "welcome",
    server: text(f.server) ?? "",
    name: text(f.name),
    room: text(f.room) ?? "",
    epoch: f.epoch,
    seq: count(f.seq) ?? 0,
    mail: count(f.mail) ?? 0,
    recovered: f.recovered === true,
    n: count(f.n) ?? 0,
    textChars: count(limits.textChars),
  };
}

function readMessage(
  f: Fields,
): { seq: number; timeMs: number; from: string; text: string } | undefined {
  return isCount(f.seq) && typeof f.from === "string" && typeof f.text === "string"
    ? { seq: f.seq, timeMs: time(f.time), from: f.from, text: f.text }
    : undefined;
}

function readRoom(f: Fields): { room: string; members: number } | undefined {
  return typeof f.room === "string" ? { room: f.room, members: count(f.members) ?? 0 } : undefined;
}

function readFile(f: Fields): ListedFile | undefined {
  return typeof f.name === "string"
    ? { name: f.name, sizeBytes: count(f.size) ?? 0, modifiedMs: time(f.modified) }
    : undefined;
}

function answer(f: Fields, answer: Answer): ServerLine {
  return { type: "answer", ref: count(f.ref), answer };
}

function readObject(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function count(value: unknown): number | undefined {
  return isCount(value) ? value : undefined;
}

function time(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? Math.trunc(value) : 0;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function pick<T>(value: unknown, read: (fields: Fields) => T | undefined): T[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => {
    const found = isObject(item) ? read(item) : undefined;
    return found === undefined ? [] : [found];
  });
}

function isChatState(value: unknown): value is ChatState {
  return typeof value === "string" && chatStates.has(value);
}

function isLeaveReason(value: unknown): value is LeaveReason {
  return typeof value === "string" && leaveReasons.has(value);
}
