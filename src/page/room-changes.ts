// State changes shared by the reducer and session-events.ts. Pure.

import { noChat } from "../client/private-chat-state.ts";
import { append, dropRoom, endSession, type PersonChange } from "./message-log.ts";
import {
  currentDraft,
  type Draft,
  type LoginProblem,
  type Room,
  shownRoom,
  type State,
} from "./state.ts";

export function updateRoom(state: State, name: string, update: (room: Room) => Room): State {
  const rooms = state.rooms.map((room) => (room.name === name ? update(room) : room));
  return { ...state, rooms };
}

/** Shows a joined room and marks it as read. */
export function showRoom(state: State, name: string): State {
  if (state.shown === name || !state.rooms.some((room) => room.name === name)) return state;
  const rooms = state.rooms.map((room) => {
    if (room.name === name) return state.isAway ? room : { ...room, unread: 0, mentions: 0 };
    return room.name === state.shown ? { ...room, firstUnreadKey: undefined } : room;
  });
  return { ...state, rooms, shown: name, composerProblem: "" };
}

/** Removes a room with its messages and draft. If it was shown, the next one is. */
export function removeRoom(state: State, name: string): State {
  const at = state.rooms.findIndex((room) => room.name === name);
  if (at < 0) return state;
  const rooms = state.rooms.filter((room) => room.name !== name);
  const drafts = new Map(state.drafts);
  drafts.delete(name);
  const removed = { ...state, rooms, drafts, log: dropRoom(state.log, name) };
  if (state.shown !== name) return removed;
  const next = rooms[Math.min(at, rooms.length - 1)];
  return next === undefined ? { ...removed, shown: undefined } : showRoom(removed, next.name);
}

export function updateDraft(state: State, changes: Partial<Draft>): State {
  const draft = { ...currentDraft(state), ...changes };
  return { ...state, drafts: new Map(state.drafts).set(state.shown, draft) };
}

/** Adds a notice to a room, or without `room` to all of them. */
export function notice(
  state: State,
  room: string | undefined,
  text: string,
  timeMs: number,
  change?: PersonChange,
): State {
  return { ...state, log: append(state.log, { kind: "notice", room, text, timeMs, change }) };
}

/** The session has ended: the user has disconnected, or `problem` gives the reason. */
export function sessionOver(state: State, problem: LoginProblem | undefined, nowMs: number): State {
  const over: State = {
    ...state,
    phase: "offline",
    status: "",
    loginProblem: problem,
    rooms: state.rooms.map((room) => ({ ...room, people: [], peopleTotal: 0, isListed: false })),
    joining: undefined,
    joinProblem: "",
    composerProblem: "",
    directory: [],
    chat: noChat,
    renaming: undefined,
    choosing: undefined,
    search: undefined,
    log: endSession(state.log, "the connection ended first"),
  };
  if (state.isLoginShown) return over;
  return notice(over, undefined, problem?.text ?? "You disconnected", nowMs);
}

/** Whether the user sees new messages of this room immediately. */
export function isInSight(state: State, room: string): boolean {
  return !state.isAway && shownRoom(state)?.name === room;
}
