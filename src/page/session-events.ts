// Applies the session's events to the page's state. Text from the server is made harmless before it
// enters the state. Pure.

import { chatAfter, chatRenamed } from "../client/private-chat-state.ts";
import type { ListedDevice, PastMessage, SessionEvent, SessionResponse } from "../client/events.ts";
import type { ChatState, LeaveReason } from "../protocol/messages.ts";
import { harmless, harmlessLines } from "../text.ts";
import { mentions } from "../client/mentions.ts";
import { roomNewsText } from "../client/room-news.ts";
import {
  acknowledge,
  append,
  confirm,
  erase,
  fail,
  mergeHistory,
  type NewMessage,
  type PersonChange,
  oldestSeq,
  renameRoom,
  hearOwn,
} from "./message-log.ts";
import {
  isInSight,
  notice,
  removeRoom,
  sessionOver,
  showRoom,
  updateRoom,
} from "./room-changes.ts";
import {
  isSameName,
  type LoginProblem,
  maxPeople,
  newRoom,
  type Room,
  sortNames,
  type State,
} from "./state.ts";

type EventOf<T extends SessionEvent["type"]> = Extract<SessionEvent, { type: T }>;
type Page = Extract<SessionResponse, { type: "history" }>;

export function reduceSessionEvent(state: State, event: SessionEvent, nowMs: number): State {
  switch (event.type) {
    case "online":
      return online(state, event);
    case "offline":
      return offline(state, event);
    case "reconnected":
      return notice({ ...state, status: "" }, undefined, summaryOf(event), nowMs);
    case "ended":
      return ended(state, event, nowMs);
    case "deleted":
      return deleted(state, event);
    case "account-changed":
      return notice(state, state.shown, changeText(event), nowMs);
    case "entered":
      return entered(state, event.room, nowMs);
    case "join-failed":
      return joinFailed(state, event, nowMs);
    case "parted":
      return parted(state, event, nowMs);
    case "message":
      return messageArrived(state, event);
    case "private":
    case "copied":
      return privateArrived(state, event);
    // The controller keeps it for the next login.
    case "token":
    case "offer":
      return state;
    case "acknowledged":
      return { ...state, log: acknowledge(state.log, event.id) };
    case "failed":
      return { ...state, log: fail(state.log, event.id, harmless(event.message)) };
    case "gap": {
      const count = event.to - event.from + 1;
      const what = count === 1 ? "1 message is" : `${count} messages are`;
      return notice(state, event.room, `${what} no longer on the server`, nowMs);
    }
    case "joined":
      return joined(state, event, nowMs);
    case "left":
      return left(state, event, nowMs);
    case "renamed":
      return renamed(state, event, nowMs);
    case "chat": {
      const chat = chatAfter(state.chat, event.state, event.with);
      return notice({ ...state, chat }, undefined, chatText(event.state, event.with), nowMs);
    }
    case "error":
      return failedRequest(state, event, nowMs);
    case "response":
      if (isChoiceOf(state, event.ref)) {
        return responded({ ...state, choosing: undefined }, event.response, nowMs);
      }
      return isRenameOf(state, event.ref)
        ? responded({ ...state, renaming: undefined }, event.response, nowMs)
        : responded(state, event.response, nowMs);
    default:
      return told(state, event, nowMs);
  }
}

/** What is deleted mentions nobody, and no search finds it. */
function deleted(state: State, { room, seq }: EventOf<"deleted">): State {
  const { search } = state;
  const counted = isUnreadMention(state, room, seq)
    ? updateRoom(state, room, (one) => ({ ...one, mentions: Math.max(0, one.mentions - 1) }))
    : state;
  const erased = { ...counted, log: erase(state.log, room, seq) };
  if (search?.room !== room) return erased;
  const found = search.found.filter((message) => message.seq !== seq);
  return { ...erased, search: { ...search, found } };
}

function isUnreadMention({ rooms, log }: State, name: string, seq: number): boolean {
  const room = rooms.find((one) => one.name === name);
  if (room === undefined || room.unread === 0) return false;
  const first = log.entries.find(({ key }) => key === room.firstUnreadKey);
  const firstSeq = first?.kind === "message" ? (first.seq ?? 0) : 0;
  return log.entries.some(
    (entry) =>
      entry.kind === "message" &&
      entry.room === name &&
      entry.seq === seq &&
      seq >= firstSeq &&
      entry.mentionsMe,
  );
}

/** Known rooms keep their state, but their member lists are stale. */
function online(state: State, event: EventOf<"online">): State {
  const rooms = event.rooms.map((name): Room => {
    const known = state.rooms.find((room) => isSameName(room.name, name));
    return known === undefined ? newRoom(name) : { ...known, name, isListed: false };
  });
  const shown = rooms.find(({ name }) => isSameName(name, state.shown ?? ""));
  const respelled = state.rooms.filter(({ name }) => !event.rooms.includes(name));
  const drafts = new Map(state.drafts);
  const log = respelled.reduce((log, { name: from }) => {
    const to = event.rooms.find((room) => isSameName(room, from));
    const draft = drafts.get(from);
    if (to !== undefined && draft !== undefined) drafts.set(to, draft);
    return to === undefined ? log : renameRoom(log, from, to);
  }, state.log);
  const back: State = {
    ...state,
    drafts,
    log,
    phase: "online",
    isLoginShown: false,
    name: event.name,
    rooms,
    shown: shown?.name,
    status: "",
    loginProblem: undefined,
    isPasswordAsked: false,
  };
  const [first] = rooms;
  return shown === undefined && first !== undefined ? showRoom(back, first.name) : back;
}

function offline(state: State, event: EventOf<"offline">): State {
  const what = event.everOnline ? "Connection lost" : "Connection failed";
  // No seconds: an attempt may take long, too.
  const status = `${what}. Trying again …`;
  return event.everOnline
    ? { ...state, phase: "reconnecting", status }
    : { ...state, phase: "connecting", status, loginProblem: { field: "form", text: status } };
}

function summaryOf({ summary }: EventOf<"reconnected">): string {
  return harmless(summary).replace(/^r/, "R");
}

const fieldsByCode: ReadonlyMap<string, LoginProblem["field"]> = new Map([
  ["name-taken", "name"],
  ["name-invalid", "name"],
  ["name-registered", "name"],
  ["wrong-password", "password"],
  ["room-invalid", "rooms"],
  ["password-required", "access"],
  ["members-only", "access"],
]);

function ended(before: State, event: EventOf<"ended">, nowMs: number): State {
  if (before.phase === "offline") return before;
  const { code, message, asksPassword } = event;
  // Members prove who they are by the password of their name.
  const passwordCodes = ["wrong-password", "members-only"];
  const isPasswordAsked = asksPassword === true || passwordCodes.includes(code);
  // A session that was resumed with a token has no form yet.
  const isLoginShown = before.isLoginShown || isPasswordAsked;
  const state = { ...before, isPasswordAsked, isLoginShown };
  if (code === "left") return sessionOver(state, undefined, nowMs);
  const field = fieldsByCode.get(code) ?? "form";
  const over = sessionOver(state, { field, text: harmless(message) }, nowMs);
  // After a reload: the page does not store the server's password.
  return field === "access" ? { ...over, isLoginShown: true } : over;
}

/** Announcements and settings of operators. */
type Told = EventOf<"topic" | "motd" | "away" | "mode" | "call">;

function told(state: State, event: Told, nowMs: number): State {
  if (event.type === "call") return notice(state, undefined, roomNewsText(event), nowMs);
  // The answer to the command has said it.
  if (event.type === "away" && isSameName(event.name, state.name)) return state;
  if (event.type === "away" || event.type === "mode") {
    return notice(state, event.room, roomNewsText(event), nowMs);
  }
  if (event.type === "motd") {
    const lines = event.text.split("\n").map(harmless);
    return notice(state, undefined, lines.join("\n"), nowMs);
  }
  const topic = harmless(event.topic);
  const changed = updateRoom(state, event.room, (room) => ({ ...room, topic }));
  const text = topic === "" ? "The room no longer has a topic" : `Topic: ${topic}`;
  return notice(changed, event.room, text, nowMs);
}

function entered(state: State, name: string, nowMs: number): State {
  const isKnown = state.rooms.some((room) => room.name === name);
  const joined = isKnown ? state : { ...state, rooms: [...state.rooms, newRoom(name)] };
  if (!isAskedFor(state, name)) return joined;
  const shown = showRoom({ ...joined, joining: undefined, joinProblem: "" }, name);
  return notice(shown, name, `You joined ${name}`, nowMs);
}

function joinFailed(state: State, event: EventOf<"join-failed">, nowMs: number): State {
  const message = roomNewsText(event);
  if (!isAskedFor(state, event.room)) return notice(state, state.shown, message, nowMs);
  const answered = { ...state, joining: undefined };
  return state.joining?.origin === "composer"
    ? { ...answered, composerProblem: message }
    : { ...answered, joinProblem: message };
}

function isAskedFor({ joining }: State, room: string): boolean {
  return joining !== undefined && isSameName(joining.room, room);
}

function parted(state: State, event: EventOf<"parted">, nowMs: number): State {
  const removed = removeRoom(state, event.room);
  return notice(removed, removed.shown, partedText(event), nowMs);
}

function partedText({ room, by, text }: EventOf<"parted">): string {
  if (by === undefined) return `You are no longer in ${room}`;
  return `${harmless(by)} has removed you from ${room}${text === undefined ? "" : `: ${harmless(text)}`}`;
}

function messageArrived(state: State, event: EventOf<"message">): State {
  const text = harmlessLines(event.text);
  if (event.id !== undefined) {
    const { seq, timeMs } = event;
    const log = confirm(state.log, event.id, { seq, timeMs, text });
    if (log !== undefined) return { ...state, log };
  }
  const { nextKey } = state.log;
  const message = roomMessage(state, event.room, event);
  const log = append(state.log, message);
  if (event.mine || isInSight(state, event.room)) return { ...state, log };
  return updateRoom({ ...state, log }, event.room, (room) => ({
    ...room,
    unread: room.unread + 1,
    mentions: room.mentions + (message.mentionsMe ? 1 : 0),
    firstUnreadKey: room.unread === 0 ? nextKey : room.firstUnreadKey,
  }));
}

function roomMessage(state: State, room: string, past: PastMessage): NewMessage {
  const mine = isSameName(past.from, state.name);
  const text = harmlessLines(past.text);
  return {
    kind: "message",
    room,
    from: harmless(past.from),
    text,
    manner: past.kind,
    isDeleted: past.deleted,
    timeMs: past.timeMs,
    mine,
    to: undefined,
    seq: past.seq,
    id: undefined,
    delivery: "sent",
    problem: undefined,
    mentionsMe: !mine && past.deleted !== true && mentions(text, state.name),
  };
}

/** `copied`: sent by this user in another tab or on another device. */
function privateArrived(state: State, event: EventOf<"private" | "copied">): State {
  const isCopy = event.type === "copied";
  // A browser has no key to open it with.
  if (isCopy && event.sealed !== undefined) return state;
  const from = isCopy ? state.name : event.from;
  const isOwn = isSameName(from, state.name);
  const heard = isOwn && !isCopy ? hearOwn(state.log, state.name, event.text) : undefined;
  if (heard !== undefined) return { ...state, log: heard };
  const log = append(state.log, {
    kind: "message",
    room: undefined,
    from: harmless(from),
    text: harmlessLines(event.text),
    manner: event.kind,
    timeMs: event.timeMs,
    mine: isOwn,
    isSealed: event.sealed === undefined ? undefined : true,
    to: event.to.map(harmless),
    seq: undefined,
    id: undefined,
    delivery: "sent",
    problem: undefined,
    mentionsMe: false,
  });
  return { ...state, log, unreadPrivate: state.unreadPrivate + (state.isAway && !isCopy ? 1 : 0) };
}

function joined(
  state: State,
  { room: name, name: person }: EventOf<"joined">,
  nowMs: number,
): State {
  const room = state.rooms.find((room) => room.name === name);
  if (room === undefined || (room.isListed && room.people.includes(person))) return state;
  const listed = room.isListed
    ? updateRoom(state, name, (room) => ({
        ...room,
        people: sortNames([...room.people, person]).slice(0, maxPeople),
        peopleTotal: room.peopleTotal + 1,
      }))
    : state;
  if (isSameName(person, state.name)) return listed;
  const who = harmless(person);
  return notice(listed, name, `${who} joined`, nowMs, { kind: "joined", name: who });
}

function left(state: State, event: EventOf<"left">, nowMs: number): State {
  const { room: name, name: person, reason } = event;
  const gone = updateRoom(state, name, (room) => ({
    ...room,
    people: room.people.filter((other) => other !== person),
    peopleTotal: Math.max(0, room.peopleTotal - 1),
  }));
  // A chosen recipient stays chosen: a private message must never fall back to the whole room.
  const who = harmless(person);
  const { text, kind } = waysToLeave[reason];
  const change = kind && { kind, name: who };
  return notice(gone, name, `${who} ${text}`, nowMs, change);
}

/** Without a kind: shown on a separate line. */
const waysToLeave: Readonly<
  Record<LeaveReason, { text: string; kind: PersonChange["kind"] | undefined }>
> = {
  quit: { text: "disconnected", kind: "disconnected" },
  replaced: { text: "disconnected", kind: "disconnected" },
  lost: { text: "lost the connection", kind: "lost" },
  slow: { text: "lost the connection", kind: "lost" },
  parted: { text: "left", kind: "left" },
  kicked: { text: "was removed by an operator", kind: undefined },
};

function renamed(state: State, { room, from, to }: EventOf<"renamed">, nowMs: number): State {
  const swap = (name: string): string => (name === from ? to : name);
  const isMe = isSameName(from, state.name);
  const changed: State = {
    ...state,
    name: isMe ? to : state.name,
    drafts: new Map(
      Array.from(state.drafts, ([room, draft]) => [
        room,
        {
          ...draft,
          recipients: draft.recipients.map(swap),
          writtenTo: draft.writtenTo && swap(draft.writtenTo),
        },
      ]),
    ),
    chat: chatRenamed(state.chat, from, to),
  };
  const text = isMe ? `You are now ${harmless(to)}` : `${harmless(from)} is now ${harmless(to)}`;
  if (room === undefined) return notice(changed, undefined, text, nowMs);
  const listed = updateRoom(changed, room, (listed) => ({
    ...listed,
    people: sortNames(listed.people.map(swap)),
  }));
  const change: PersonChange = { kind: "renamed", name: harmless(from) };
  return notice(listed, room, text, nowMs, isMe ? undefined : change);
}

function chatText(change: ChatState, person: string): string {
  const name = harmless(person);
  switch (change) {
    case "asked":
      return `You invited ${name} to a private chat`;
    case "invited":
      return `${name} invites you to a private chat`;
    case "started":
      return `Private chat with ${name} started`;
    case "rejected":
      return `The private chat with ${name} was declined`;
    case "busy":
      return `${name} is in another private chat, or has been invited to one`;
    case "left":
      return `The private chat with ${name} is over`;
    case "lost":
      return `${name} lost the connection; the private chat is over`;
  }
}

function failedRequest(state: State, event: EventOf<"error">, nowMs: number): State {
  const message = harmless(event.message);
  if (state.choosing !== undefined && isChoiceOf(state, event.ref)) {
    return { ...state, choosing: { ...state.choosing, ref: undefined, problem: message } };
  }
  return isRenameOf(state, event.ref)
    ? { ...state, renaming: { ref: undefined, problem: message } }
    : notice(state, state.shown, message, nowMs);
}

/** Whether `ref` is the request of the rename dialog. */
function isRenameOf({ renaming }: State, ref: number | undefined): boolean {
  return ref !== undefined && renaming?.ref === ref;
}

/** Whether `ref` is the request of the password dialog. */
function isChoiceOf({ choosing }: State, ref: number | undefined): boolean {
  return ref !== undefined && choosing?.ref === ref;
}

function responded(state: State, response: SessionResponse, nowMs: number): State {
  switch (response.type) {
    case "history":
      return history(state, response);
    // The requester shows it (history-finder.ts).
    case "found":
      return state;
    case "name":
      return { ...state, name: response.name };
    case "registered":
      return notice(state, state.shown, `The name ${response.name} is yours now.`, nowMs);
    case "password-set":
    case "devices":
    case "device-code":
    case "linked":
      return notice(state, state.shown, accountText(response), nowMs);
    case "admin": {
      const { message, rows } = response;
      const lines = rows.map(({ text, fields }) => text ?? JSON.stringify(fields));
      const shown = [...(message === undefined ? [] : [message]), ...lines].map(harmless);
      return notice(state, state.shown, shown.join("\n"), nowMs);
    }
    // A browser has no key to compare.
    case "keys":
    // The controller collects their pages.
    case "names":
    case "rooms":
    case "files":
    case "offering":
    case "sharing":
    case "upload":
    // Only for the page for files by code.
    case "code-joined":
      return state;
  }
}

/** Another session, possibly a thief's, has made the change. */
function changeText({ change, device }: EventOf<"account-changed">): string {
  switch (change) {
    case "device-added":
      return `A device was added to your name: ${harmless(device)}. If that was not you, revoke it: /devices`;
    case "device-revoked":
      return `One of your devices was revoked: ${harmless(device)}`;
    case "password-changed":
      return "The password of your name was changed. If that was not you, set another: /password";
  }
}

/** The result of a request about the user's account. */
function accountText(
  response: Extract<
    SessionResponse,
    { type: "password-set" | "devices" | "device-code" | "linked" }
  >,
): string {
  switch (response.type) {
    case "password-set":
      return response.isSet
        ? "The password has been changed."
        : "The password has been removed: only your devices can log in with your name.";
    case "linked":
      return `This device now belongs to ${harmless(response.name)}.`;
    case "device-code":
      return `On the other device type: /link ${harmless(response.code)}`;
    case "devices":
      return (
        response.devices.map(deviceText).join("\n") ||
        "Your name has no device: you log in with its password."
      );
  }
}

function deviceText({ key, label, revokedMs }: ListedDevice): string {
  return `${harmless(key.slice(0, 8))} ${harmless(label)}${revokedMs === undefined ? "" : ", revoked"}`;
}

/** If the page is empty, the server has nothing older. */
function history(state: State, { room: name, messages, oldest = messages[0]?.seq }: Page): State {
  const older = messages.map((past) => roomMessage(state, name, past));
  const isLoaded = state.rooms.find((room) => room.name === name)?.isHistoryLoaded;
  const merged = { ...state, log: mergeHistory(state.log, name, older, isLoaded === false) };
  return updateRoom(merged, name, (room) => ({
    ...room,
    isHistoryLoaded: true,
    firstSeq: oldest === undefined && isLoaded ? oldestSeq(state.log, name) : room.firstSeq,
  }));
}
