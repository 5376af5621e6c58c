// What the page knows, and the small changes that its reducer (reduce.ts) is made of. Pure; knows no DOM, no socket, no clock.

import { noChat, type PrivateChat } from "../client/private-chat-state.ts";
import type { ListedFile, SessionEvent } from "../client/events.ts";
import {
  append,
  emptyLog,
  failWaiting,
  merge,
  privateOnly,
  type Log,
  type SaidEntry,
} from "./entries.ts";

/** `out`: not connected and not meaning to. `lost`: the session tries to come back by itself. */
export type Phase = "out" | "connecting" | "online" | "lost";

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
  /** Of the question that waits for its answer. */
  ref: number | undefined;
  problem: string;
};

export type State = {
  phase: Phase;
  /** The form is shown in place of the talk. */
  atDoor: boolean;
  name: string;
  room: string;
  /** One line about the connection; empty while all is well. */
  status: string;
  /** Why the last connection was refused, for the form. */
  problem: string;
  people: readonly string[];
  peopleTotal: number;
  rooms: readonly { room: string; members: number }[];
  /** Chosen recipients; none means everyone. */
  to: readonly string[];
  chat: PrivateChat;
  /** Undefined: nobody wants another name. */
  renaming: Renaming | undefined;
  log: Log;
  unread: number;
  /** Nobody looks at the page. */
  away: boolean;
  files: readonly ListedFile[] | undefined;
  filesProblem: string;
  downloads: Readonly<Record<string, Download>>;
};

export type Action =
  | { type: "connect"; name: string; room: string }
  | { type: "disconnect"; nowMs: number }
  | { type: "door" }
  | { type: "session"; event: SessionEvent; nowMs: number }
  | { type: "said"; id: number; text: string; to: readonly string[] | undefined; nowMs: number }
  | { type: "people"; names: readonly string[]; total: number; isFirst: boolean }
  | { type: "choose"; to: readonly string[] }
  | { type: "restored"; said: readonly SaidEntry[] }
  | { type: "chat-over" }
  | { type: "renaming"; renaming: Renaming | undefined }
  | { type: "new-epoch" }
  | { type: "away"; away: boolean }
  | { type: "files"; files: readonly ListedFile[]; isFirst: boolean }
  | { type: "files-failed"; problem: string }
  | { type: "download"; download: Download }
  | { type: "banner"; text: string; nowMs: number };

/** People shown at most; a crowd beyond it is counted, not listed. */
export const maxPeople = 2_000;
/** Files shown at most. */
export const maxFiles = 5_000;

/** The room that is always there to go to, also while nobody is in it and the server does not list it. */
export const lobby = "lobby";

export const initialState: State = {
  phase: "out",
  atDoor: true,
  name: "",
  room: lobby,
  status: "",
  problem: "",
  people: [],
  peopleTotal: 0,
  rooms: [],
  to: [],
  chat: noChat,
  renaming: undefined,
  log: emptyLog,
  unread: 0,
  away: false,
  files: undefined,
  filesProblem: "",
  downloads: {},
};

/** Adds a centred line about something that happened. */
export function banner(log: Log, text: string, timeMs: number): Log {
  return append(log, { kind: "banner", text, timeMs });
}

/** The session is over, by one's own will or (with `problem`) by another's. Who stands at the door reads why there. */
export function over(state: State, problem: string, nowMs: number): State {
  const log = failWaiting(state.log, "the connection ended first");
  return {
    ...state,
    phase: "out",
    status: "",
    problem,
    people: [],
    peopleTotal: 0,
    rooms: [],
    to: [],
    chat: noChat,
    renaming: undefined,
    log: state.atDoor ? log : banner(log, problem || "you left the chat", nowMs),
  };
}

/** Enters another room: its log begins anew, private messages stay. */
export function moveTo(state: State, room: string, nowMs: number): State {
  const log = banner(privateOnly(state.log), `you entered ${room}`, nowMs);
  return { ...state, room, people: [], peopleTotal: 0, to: [], log };
}

/** Adds history to the log; fewer than asked for means that nothing older is kept. */
export function remember(
  state: State,
  messages: readonly { seq: number; timeMs: number; from: string; text: string }[],
): State {
  const older = messages.map((message) => ({
    kind: "said" as const,
    ...message,
    mine: sameName(message.from, state.name),
    to: undefined,
    id: undefined,
    delivery: "sent" as const,
    problem: undefined,
  }));
  return { ...state, log: merge(state.log, older, (messages[0]?.seq ?? 1) > 1) };
}

/** The rooms to choose from: those with people, the one we are in, and while connected the lobby. */
export function offeredRooms({ phase, room, rooms }: State): State["rooms"] {
  const always = phase === "out" || room === lobby ? [room] : [room, lobby];
  const unlisted = always.filter((name) => !rooms.some((listed) => listed.room === name));
  return [...unlisted.map((name) => ({ room: name, members: 0 })), ...rooms];
}

export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Sorted for people, each name once. */
export function sortNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort((a, b) => compareFolded(a.toLowerCase(), b.toLowerCase()));
}

function compareFolded(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
