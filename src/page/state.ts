// The page's state, its actions and selectors. Only the reducer creates new states. Pure; needs
// neither DOM, socket nor clock.

import { fold } from "../chat/names/grammar.ts";
import type { FileEntry, PastMessage, SessionEvent } from "../client/events.ts";
import { noChat, type PrivateChat } from "../client/private-chat-state.ts";
import { naturally } from "../natural-order.ts";
import {
  emptyLog,
  type Message,
  type MessageLog,
  type NewMessage,
  oldestSeq,
} from "./message-log.ts";

import type { OfferAction, OfferCards } from "./offer-cards.ts";
import type { UploadAction, UploadCards } from "./upload-cards.ts";
import { type NotificationSettings, noNotifications } from "./notification-settings.ts";

/**
 * `offline`: there is no session. `reconnecting`: the session is trying to restore its connection.
 */
export type PagePhase = "offline" | "connecting" | "online" | "reconnecting";

/** Why a login failed, and the field that caused it. */
export type LoginProblem = {
  field: "name" | "password" | "rooms" | "access" | "form";
  text: string;
};

/** A room that this user is in. */
export type Room = {
  name: string;
  /** Empty: none. */
  topic: string;
  /** Sorted; empty until `isListed`. */
  people: readonly string[];
  /** Number of people, including those not listed. */
  peopleTotal: number;
  /** `people` has been loaded and is kept up to date. */
  isListed: boolean;
  /** The newest part of the history has been loaded. */
  isHistoryLoaded: boolean;
  /** Lowest sequence number that the server still has, once known. */
  firstSeq: number | undefined;
  /** Unread messages from others. */
  unread: number;
  /** How many of those mention this user. */
  mentions: number;
  /** The first message that was unread when the room was last shown. */
  firstUnreadKey: number | undefined;
};

/** The content of the composer for a room. */
export type Draft = {
  text: string;
  /** Chosen recipients. Empty: everyone in the room. */
  recipients: readonly string[];
  /** The partner, if the text was begun in a private chat. */
  writtenTo: string | undefined;
};

/** What a tab stores about a room. */
export type StoredRoom = Pick<Room, "name" | "unread" | "mentions"> & Draft;

/** Where a room was requested; problems are shown there. */
export type Origin = "form" | "composer";

export type Download = {
  /** As it was listed when the download began. */
  file: FileEntry;
  doneBytes: number;
  phase: "running" | "checking" | "verified" | "unchecked" | "failed";
  /** The hash that matched, or why it failed. */
  detail: string;
};

/** State of the rename dialog. */
export type Renaming = {
  /** The pending request. */
  ref: number | undefined;
  problem: string;
};

/** State of the dialog for a new password: it registers the name, or replaces another password. */
export type Choosing = {
  purpose: "register" | "change";
  /** The pending request. */
  ref: number | undefined;
  problem: string;
};

/** State of the dialog that searches. */
export type SearchState = {
  room: string;
  text: string;
  phase: "new" | "asking" | "done";
  /** Oldest first. */
  found: readonly (Pick<Message, "from" | "text" | "manner" | "timeMs"> & { seq: number })[];
  /** Whether there may be more, further back. */
  isPart: boolean;
  problem: string;
};

export type FileListing = {
  files: readonly FileEntry[];
  /** The next page begins after this file. Undefined: the list is complete. */
  next: string | undefined;
  phase: "unloaded" | "loading" | "loaded";
  problem: string;
};

export type State = {
  phase: PagePhase;
  /** Whether the login form is shown instead of the conversation. */
  isLoginShown: boolean;
  name: string;
  /** The joined rooms, oldest first. */
  rooms: readonly Room[];
  /** The current room. Undefined: no room is joined. */
  shown: string | undefined;
  /** The problem with the connection; empty while online. */
  status: string;
  loginProblem: LoginProblem | undefined;
  /** The name on the login form has a password. */
  isPasswordAsked: boolean;
  /** The pending request to join a room. */
  joining: { room: string; origin: Origin } | undefined;
  joinProblem: string;
  composerProblem: string;
  /** The server's rooms, as of the last request. */
  directory: readonly { room: string; members: number }[];
  /** By room; the key is undefined while no room is shown. */
  drafts: ReadonlyMap<string | undefined, Draft>;
  chat: PrivateChat;
  /** Undefined: the dialog is closed. */
  renaming: Renaming | undefined;
  /** Undefined: the dialog is closed. */
  choosing: Choosing | undefined;
  /** Undefined: the dialog is closed. */
  search: SearchState | undefined;
  /** A message to scroll to; a new object each time. */
  revealed: { key: number } | undefined;
  notifications: NotificationSettings;
  /** The browser's permission for notifications. */
  permission: NotificationPermission | "unsupported";
  isNotifyShown: boolean;
  log: MessageLog;
  /** Private messages received while the page was away. */
  unreadPrivate: number;
  /** The page is hidden or does not have the focus. */
  isAway: boolean;
  listing: FileListing;
  downloads: ReadonlyMap<string, Download>;
  /** Files from person to person, by the number of their card. */
  offers: OfferCards;
  /** Uploads to the shared folder. */
  uploads: UploadCards;
  /** Names in the shared folder that this user may remove. */
  ownFiles: ReadonlySet<string>;
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
  | { type: "choosing"; choosing: Choosing | undefined }
  | { type: "search"; search: SearchState | undefined }
  | { type: "found"; found: readonly PastMessage[]; isPart: boolean; isDone: boolean }
  | { type: "search-problem"; problem: string }
  | { type: "reveal"; key: number }
  | {
      type: "notifications";
      settings: NotificationSettings;
      permission: State["permission"];
    }
  | { type: "show-notifications"; isShown: boolean }
  | { type: "epoch-changed" }
  | { type: "away"; isAway: boolean }
  | { type: "files-loading" }
  | { type: "files"; files: readonly FileEntry[]; next: string | undefined; isFirst: boolean }
  | { type: "files-failed"; problem: string }
  | { type: "download"; download: Download }
  | { type: "own-files"; names: ReadonlySet<string> }
  | OfferAction
  | UploadAction
  | { type: "notice"; text: string; nowMs: number };

/** A message just accepted by the session. Without `room` it is private. */
export type SentMessage = Pick<Message, "room" | "to" | "text" | "manner"> & { id: number };

/** Maximum number of members listed for a room. Beyond that they are only counted. */
export const maxPeople = 2_000;

export const initialState: State = {
  phase: "offline",
  isLoginShown: true,
  name: "",
  rooms: [],
  shown: undefined,
  status: "",
  loginProblem: undefined,
  isPasswordAsked: false,
  joining: undefined,
  joinProblem: "",
  composerProblem: "",
  directory: [],
  drafts: new Map(),
  chat: noChat,
  renaming: undefined,
  choosing: undefined,
  search: undefined,
  revealed: undefined,
  notifications: noNotifications,
  permission: "unsupported",
  isNotifyShown: false,
  log: emptyLog,
  unreadPrivate: 0,
  isAway: false,
  listing: { files: [], next: undefined, phase: "unloaded", problem: "" },
  downloads: new Map(),
  offers: new Map(),
  uploads: new Map(),
  ownFiles: new Set(),
};

export function newRoom(name: string): Room {
  return {
    name,
    topic: "",
    people: [],
    peopleTotal: 0,
    isListed: false,
    isHistoryLoaded: false,
    firstSeq: undefined,
    unread: 0,
    mentions: 0,
    firstUnreadKey: undefined,
  };
}

export const emptyDraft: Draft = { text: "", recipients: [], writtenTo: undefined };

/** The content of the composer. */
export function currentDraft({ drafts, shown }: State): Draft {
  return drafts.get(shown) ?? emptyDraft;
}

/** The current room. */
export function shownRoom({ rooms, shown }: State): Room | undefined {
  return rooms.find(({ name }) => name === shown);
}

/** The joined room called `name`, ignoring case. */
export function roomNamed({ rooms }: State, name: string): Room | undefined {
  return rooms.find((room) => isSameName(room.name, name));
}

/** The joined rooms in display order: those with mentions first. */
export function orderedRooms({ rooms }: State): readonly Room[] {
  const isMentioned = (room: Room): boolean => room.mentions > 0;
  return [...rooms.filter(isMentioned), ...rooms.filter((room) => !isMentioned(room))];
}

/** Rooms that are not joined and whose names contain `query`, the busiest first. */
export function joinableRooms({ directory, rooms }: State, query: string): State["directory"] {
  const part = fold(query);
  const mine = new Set(rooms.map(({ name }) => name));
  return directory
    .filter(({ room }) => !mine.has(room) && fold(room).includes(part))
    .sort((a, b) => b.members - a.members || naturally(a.room, b.room));
}

/** Unread messages in total. */
export function unreadTotal({ rooms, unreadPrivate }: State): number {
  return rooms.reduce((sum, { unread }) => sum + unread, unreadPrivate);
}

/** Unread messages and mentions in all other rooms. */
export function unreadElsewhere({ rooms, shown }: State): Pick<Room, "unread" | "mentions"> {
  const others = rooms.filter(({ name }) => name !== shown);
  return {
    unread: others.reduce((sum, { unread }) => sum + unread, 0),
    mentions: others.reduce((sum, { mentions }) => sum + mentions, 0),
  };
}

export function isRunning(download: Download | undefined): boolean {
  return download?.phase === "running" || download?.phase === "checking";
}

/** Whether closing the page would lose shared files that are on their way in either direction. */
export function isSharing({ uploads, downloads }: State): boolean {
  return (
    [...downloads.values()].some(isRunning) ||
    [...uploads.values()].some(({ phase }) => phase === "running" || phase === "waiting")
  );
}

/** Whether the server has older messages than the log. */
export function hasEarlier({ log }: State, room: Room): boolean {
  const oldest = oldestSeq(log, room.name);
  return room.isHistoryLoaded && oldest !== undefined && oldest > (room.firstSeq ?? 1);
}

export function isSameName(a: string, b: string): boolean {
  return fold(a) === fold(b);
}

/** In natural order, without duplicates. */
export function sortNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort(naturally);
}
