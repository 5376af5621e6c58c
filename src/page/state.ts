// What the page knows, and what can happen to it. The reducer (reducer.ts) alone makes new states. Pure; knows no DOM, no socket,
// no clock.

import { fold } from "../chat/names/grammar.ts";
import type { ListedFile, SessionEvent } from "../client/events.ts";
import { noChat, type PrivateChat } from "../client/private-chat-state.ts";
import {
  emptyLog,
  type Message,
  type MessageLog,
  type NewMessage,
  oldestSeq,
} from "./message-log.ts";

/** `offline`: not connected, and not trying to be. `reconnecting`: the session is trying to come back by itself. */
export type Phase = "offline" | "connecting" | "online" | "reconnecting";

/** Why a login was refused, and the field that it is about. */
export type LoginProblem = { field: "name" | "rooms" | "form"; text: string };

/** A room that this user is in. */
export type Room = {
  name: string;
  /** Sorted; empty until `isListed`. */
  people: readonly string[];
  /** How many there are, listed or not. */
  peopleTotal: number;
  /** The list of people came, and follows what happens in the room. */
  isListed: boolean;
  /** The newest messages from before we came are in the log. */
  isHistoryLoaded: boolean;
  /** Lowest number that the server still has, once known. */
  firstSeq: number | undefined;
  /** Messages from others that nobody has looked at. */
  unread: number;
  /** How many of those mention this user. */
  mentions: number;
  /** The first message that was unread when the room was last shown. */
  firstUnreadKey: number | undefined;
  /** Text typed but not sent. */
  draft: string;
};

/** A room as one tab remembers it. */
export type StoredRoom = Pick<Room, "name" | "unread" | "mentions" | "draft">;

/** Where a command was given, and so where its problem is shown. */
export type Origin = "form" | "composer";

export type Download = {
  name: string;
  doneBytes: number;
  totalBytes: number;
  phase: "running" | "checking" | "verified" | "unchecked" | "failed";
  /** The hash that matched, or why it failed. */
  detail: string;
};

/** The dialog for a new name. */
export type Renaming = {
  /** The request that waits for its response. */
  ref: number | undefined;
  problem: string;
};

export type FileListing = {
  files: readonly ListedFile[];
  /** Where the next page begins; undefined: the list is complete. */
  next: string | undefined;
  phase: "unloaded" | "loading" | "loaded";
  problem: string;
};

export type State = {
  phase: Phase;
  /** The login form is shown in place of the conversation. */
  isLoginShown: boolean;
  name: string;
  /** The rooms that this user is in, in the order of joining. */
  rooms: readonly Room[];
  /** The room that is shown; undefined: in none. */
  shown: string | undefined;
  /** One line about the connection; empty while all is well. */
  status: string;
  loginProblem: LoginProblem | undefined;
  /** The room that was asked for and has not answered yet. */
  joining: { room: string; origin: Origin } | undefined;
  joinProblem: string;
  composerProblem: string;
  /** Rooms that exist on the server, as last heard. */
  directory: readonly { room: string; members: number }[];
  /** Chosen recipients; none: everyone in the room that is shown. */
  recipients: readonly string[];
  chat: PrivateChat;
  /** Undefined: the dialog is closed. */
  renaming: Renaming | undefined;
  log: MessageLog;
  /** Private messages that came while nobody looked. */
  unreadPrivate: number;
  /** Nobody looks at the page. */
  isAway: boolean;
  listing: FileListing;
  downloads: ReadonlyMap<string, Download>;
};

export type Action =
  | { type: "connect"; name: string; rooms: readonly StoredRoom[]; shown: string | undefined }
  | { type: "disconnect"; nowMs: number }
  | { type: "show-login" }
  | { type: "login-problem"; problem: LoginProblem }
  | { type: "session-event"; event: SessionEvent; nowMs: number }
  | { type: "sent"; message: SentMessage; nowMs: number }
  | { type: "people"; room: string; names: readonly string[]; total: number; isFirst: boolean }
  | { type: "directory"; rooms: State["directory"]; isFirst: boolean }
  | { type: "show-room"; room: string }
  | { type: "join"; room: string; origin: Origin }
  | { type: "problem"; origin: Origin; problem: string }
  | { type: "draft"; text: string }
  | { type: "choose-recipients"; to: readonly string[] }
  | { type: "restore"; messages: readonly NewMessage[] }
  | { type: "chat-ended" }
  | { type: "renaming"; renaming: Renaming | undefined }
  | { type: "epoch-changed" }
  | { type: "away"; isAway: boolean }
  | { type: "files-loading" }
  | { type: "files"; files: readonly ListedFile[]; next: string | undefined; isFirst: boolean }
  | { type: "files-failed"; problem: string }
  | { type: "download"; download: Download }
  | { type: "notice"; text: string; nowMs: number };

/** A message that the session has just taken. Without `room` it is private. */
export type SentMessage = Pick<Message, "room" | "to" | "text"> & { id: number };

/** People listed in a room at most; a crowd beyond it is counted, not listed. */
export const maxPeople = 2_000;

export const initialState: State = {
  phase: "offline",
  isLoginShown: true,
  name: "",
  rooms: [],
  shown: undefined,
  status: "",
  loginProblem: undefined,
  joining: undefined,
  joinProblem: "",
  composerProblem: "",
  directory: [],
  recipients: [],
  chat: noChat,
  renaming: undefined,
  log: emptyLog,
  unreadPrivate: 0,
  isAway: false,
  listing: { files: [], next: undefined, phase: "unloaded", problem: "" },
  downloads: new Map(),
};

export function newRoom(name: string): Room {
  return {
    name,
    people: [],
    peopleTotal: 0,
    isListed: false,
    isHistoryLoaded: false,
    firstSeq: undefined,
    unread: 0,
    mentions: 0,
    firstUnreadKey: undefined,
    draft: "",
  };
}

/** The room that is shown. */
export function shownRoom({ rooms, shown }: State): Room | undefined {
  return rooms.find(({ name }) => name === shown);
}

/** The room that somebody means who typed `name`, in whatever letter case. */
export function roomNamed({ rooms }: State, name: string): Room | undefined {
  return rooms.find((room) => isSameName(room.name, name));
}

/** The rooms as they are listed: those with mentions first. */
export function orderedRooms({ rooms }: State): readonly Room[] {
  const isMentioned = (room: Room): boolean => room.mentions > 0;
  return [...rooms.filter(isMentioned), ...rooms.filter((room) => !isMentioned(room))];
}

/** Rooms on the server that this user is not in, those with most people first; `query` is a part of the name. */
export function joinableRooms({ directory, rooms }: State, query: string): State["directory"] {
  const part = fold(query);
  const mine = new Set(rooms.map(({ name }) => name));
  return directory
    .filter(({ room }) => !mine.has(room) && fold(room).includes(part))
    .sort((a, b) => b.members - a.members || compare(fold(a.room), fold(b.room)));
}

/** Unread messages everywhere. */
export function unreadTotal({ rooms, unreadPrivate }: State): number {
  return rooms.reduce((sum, { unread }) => sum + unread, unreadPrivate);
}

/** Unread messages in rooms that are not shown, and how many of them mention this user. */
export function unreadElsewhere({ rooms, shown }: State): Pick<Room, "unread" | "mentions"> {
  const others = rooms.filter(({ name }) => name !== shown);
  return {
    unread: others.reduce((sum, { unread }) => sum + unread, 0),
    mentions: others.reduce((sum, { mentions }) => sum + mentions, 0),
  };
}

/** Whether the server has messages from before those in the log. */
export function hasEarlier({ log }: State, room: Room): boolean {
  const oldest = oldestSeq(log, room.name);
  return room.isHistoryLoaded && oldest !== undefined && oldest > (room.firstSeq ?? 1);
}

export function isSameName(a: string, b: string): boolean {
  return fold(a) === fold(b);
}

/** Sorted for people, each name once. */
export function sortNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort((a, b) => compare(fold(a), fold(b)));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
