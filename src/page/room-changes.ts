// The changes of rooms and of the log that actions and session events share. Pure.

import { noChat } from "../client/private-chat-state.ts";
import { append, dropRoom, endSession } from "./message-log.ts";
import { type LoginProblem, type Room, shownRoom, type State } from "./state.ts";

export function updateRoom(state: State, name: string, update: (room: Room) => Room): State {
  const rooms = state.rooms.map((room) => (room.name === name ? update(room) : room));
  return { ...state, rooms };
}

/** Shows a room that this user is in: what it held unread is read now, and nobody is chosen as a recipient. */
export function showRoom(state: State, name: string): State {
  if (state.shown === name || !state.rooms.some((room) => room.name === name)) return state;
  const rooms = state.rooms.map((room) => {
    if (room.name === name) return state.isAway ? room : { ...room, unread: 0, mentions: 0 };
    return room.name === state.shown ? { ...room, firstUnreadKey: undefined } : room;
  });
  return { ...state, rooms, shown: name, recipients: [], composerProblem: "" };
}

/** Out of a room: its messages go, and the next room is shown. */
export function removeRoom(state: State, name: string): State {
  const at = state.rooms.findIndex((room) => room.name === name);
  if (at < 0) return state;
  const rooms = state.rooms.filter((room) => room.name !== name);
  const removed = { ...state, rooms, log: dropRoom(state.log, name) };
  if (state.shown !== name) return removed;
  const next = rooms[Math.min(at, rooms.length - 1)];
  return next === undefined
    ? { ...removed, shown: undefined, recipients: [] }
    : showRoom(removed, next.name);
}

/** Adds a line about something that happened; without a room it is shown in all of them. */
export function notice(
  state: State,
  room: string | undefined,
  text: string,
  timeMs: number,
): State {
  return { ...state, log: append(state.log, { kind: "notice", room, text, timeMs }) };
}

/** The session is over: by this user's own choice, or for the reason in `problem`. */
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
    recipients: [],
    chat: noChat,
    renaming: undefined,
    log: endSession(state.log, "the connection ended first"),
  };
  if (state.isLoginShown) return over;
  return notice(over, undefined, problem?.text ?? "You disconnected", nowMs);
}

/** Whether the person sees what is said in this room as it comes. */
export function isInSight(state: State, room: string): boolean {
  return !state.isAway && shownRoom(state)?.name === room;
}
