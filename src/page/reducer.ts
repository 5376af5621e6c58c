// The reducer: a pure function from state and action to the next state. session-events.ts handles
// the events of the session.

import { harmless, harmlessLines } from "../text.ts";
import { naturally } from "../natural-order.ts";
import { noChat } from "../client/private-chat-state.ts";
import { append, dropRoom, emptyLog, forgetSeqs, type MessageLog, restore } from "./message-log.ts";
import { addCard, changeCard, type OfferAction } from "./offer-cards.ts";
import { changeUploads, type UploadAction } from "./upload-cards.ts";
import { notice, sessionOver, showRoom, updateDraft, updateRoom } from "./room-changes.ts";
import { reduceSessionEvent } from "./session-events.ts";
import {
  type Action,
  currentDraft,
  type FileListing,
  isSameName,
  maxPeople,
  newRoom,
  type SearchState,
  shownRoom,
  sortNames,
  type State,
} from "./state.ts";

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "connect":
      return connect(state, action);
    case "disconnect":
      return sessionOver(state, undefined, action.nowMs);
    case "show-login":
      return { ...state, isLoginShown: true };
    case "login-problem":
      return { ...state, loginProblem: action.problem };
    case "session-event":
      return reduceSessionEvent(state, action.event, action.nowMs);
    case "sent":
      return sent(state, action);
    case "people":
      return listPeople(state, action);
    case "directory": {
      const directory = action.isFirst ? action.rooms : [...state.directory, ...action.rooms];
      return { ...state, directory };
    }
    case "show-room":
      return showRoom(state, action.room);
    case "join": {
      const { room, origin } = action;
      return { ...state, joining: { room, origin }, joinProblem: "", composerProblem: "" };
    }
    case "problem":
      return action.origin === "form"
        ? { ...state, joinProblem: action.problem }
        : { ...state, composerProblem: action.problem };
    case "draft":
      return writeDraft(state, action.text);
    case "choose-recipients":
      return updateDraft(state, { recipients: action.to });
    case "restore":
      // The session continues, so the conversation is shown while it reconnects.
      return { ...state, isLoginShown: false, log: restore(state.log, action.messages) };
    case "chat-ended":
      return { ...state, chat: noChat };
    case "epoch-changed": {
      const rooms = state.rooms.map((room) => ({ ...room, firstSeq: undefined }));
      return { ...state, rooms, log: forgetSeqs(state.log) };
    }
    case "away":
      return away(state, action.isAway);
    case "files-loading":
    case "files":
    case "files-failed":
    case "download":
    case "offer":
    case "offer-change":
    case "own-files":
    case "upload":
    case "upload-change":
      return files(state, action);
    case "notice":
      return notice(state, state.shown, action.text, action.nowMs);
    default:
      return dialogs(state, action);
  }
}

type FileAction =
  ListingAction | Extract<Action, { type: "download" | "own-files" }> | OfferAction | UploadAction;

function files(state: State, action: FileAction): State {
  switch (action.type) {
    case "download": {
      const downloads = new Map(state.downloads).set(action.download.file.name, action.download);
      return { ...state, downloads };
    }
    case "offer": {
      const isUnread = state.isAway && !action.card.isMine;
      const unreadPrivate = state.unreadPrivate + (isUnread ? 1 : 0);
      // Other files have been chosen: why the last ones were refused no longer matters.
      const composerProblem = action.card.isMine ? "" : state.composerProblem;
      const added = addCard(state.offers, state.log, action);
      return { ...state, unreadPrivate, composerProblem, ...added };
    }
    case "offer-change":
      return { ...state, offers: changeCard(state.offers, action) };
    case "own-files":
      return { ...state, ownFiles: action.names };
    case "upload":
      return { ...state, composerProblem: "", uploads: changeUploads(state.uploads, action) };
    case "upload-change":
      return { ...state, uploads: changeUploads(state.uploads, action) };
    default:
      return { ...state, listing: list(state.listing, action) };
  }
}

type DialogAction = Extract<
  Action,
  { type: "renaming" | "choosing" | "reveal" | "notifications" | "show-notifications" }
>;

function dialogs(state: State, action: DialogAction | SearchAction): State {
  switch (action.type) {
    case "renaming":
      return { ...state, renaming: action.renaming };
    case "choosing":
      return { ...state, choosing: action.choosing };
    case "search":
    case "found":
    case "search-problem":
      return { ...state, search: searchAfter(state.search, action) };
    case "reveal":
      return { ...state, revealed: { key: action.key } };
    case "notifications":
      return { ...state, notifications: action.settings, permission: action.permission };
    case "show-notifications":
      return { ...state, isNotifyShown: action.isShown };
  }
}

type SearchAction = Extract<Action, { type: "search" | "found" | "search-problem" }>;

function searchAfter(
  search: SearchState | undefined,
  action: SearchAction,
): SearchState | undefined {
  if (action.type === "search") return action.search;
  if (search === undefined) return undefined;
  if (action.type === "search-problem") {
    return { ...search, phase: "done", problem: harmless(action.problem) };
  }
  const found = action.found.map(({ seq, from, text, kind, timeMs }) => ({
    seq,
    from: harmless(from),
    text: harmlessLines(text),
    manner: kind,
    timeMs,
  }));
  const { isPart, isDone } = action;
  return { ...search, phase: isDone ? "done" : "asking", found, isPart, problem: "" };
}

type ListingAction = Extract<Action, { type: "files-loading" | "files" | "files-failed" }>;

function list(listing: FileListing, action: ListingAction): FileListing {
  switch (action.type) {
    case "files-loading":
      return { ...listing, phase: "loading", problem: "" };
    case "files": {
      const all = action.isFirst ? action.files : [...listing.files, ...action.files];
      const files = all.toSorted((a, b) => naturally(a.name, b.name));
      return { files, next: action.next, phase: "loaded", problem: "" };
    }
    case "files-failed":
      return { ...listing, phase: "loaded", problem: action.problem };
  }
}

function connect(state: State, { name, rooms, shown }: Action & { type: "connect" }): State {
  const isNobodyElse = !isOther(state, name);
  const drafts = rooms.map(({ name, text, recipients, writtenTo }) => {
    return [name, { text, recipients, writtenTo }] as const;
  });
  return {
    ...state,
    phase: "connecting",
    name,
    rooms: rooms.map(({ name, unread, mentions }) => ({ ...newRoom(name), unread, mentions })),
    drafts: new Map(isNobodyElse ? drafts : []),
    shown: shown ?? rooms[0]?.name,
    status: "",
    loginProblem: undefined,
    log: logFor(state, name, rooms),
    offers: isNobodyElse ? state.offers : new Map(),
  };
}

/** Keeps the log for the same user, without the rooms that are not joined again. */
function logFor(state: State, name: string, rooms: readonly { name: string }[]): MessageLog {
  if (isOther(state, name)) {
    return { ...emptyLog, nextKey: state.log.nextKey };
  }
  const left = state.rooms.filter((old) => !rooms.some((room) => isSameName(room.name, old.name)));
  return left.reduce((log, room) => dropRoom(log, room.name), state.log);
}

/** Whether another user uses this tab now. */
function isOther(state: State, name: string): boolean {
  return state.name !== "" && !isSameName(state.name, name);
}

function sent(state: State, { message, nowMs }: Action & { type: "sent" }): State {
  const log = append(state.log, {
    kind: "message",
    ...message,
    from: state.name,
    timeMs: nowMs,
    mine: true,
    seq: undefined,
    delivery: "waiting",
    problem: undefined,
    mentionsMe: false,
  });
  // Replying implies that the unread messages have been read.
  const read =
    state.shown === undefined
      ? state
      : updateRoom(state, state.shown, (room) => ({ ...room, firstUnreadKey: undefined }));
  return { ...read, log, composerProblem: "" };
}

function listPeople(state: State, action: Action & { type: "people" }): State {
  const { room: name, names, total, isFirst } = action;
  return updateRoom(state, name, (room) => ({
    ...room,
    people: sortNames(isFirst ? names : [...room.people, ...names]).slice(0, maxPeople),
    peopleTotal: total,
    isListed: true,
  }));
}

function writeDraft(state: State, text: string): State {
  const { writtenTo } = currentDraft(state);
  const written = updateDraft(state, {
    text,
    // Text begun in a private chat is meant for the partner, even if the chat ends before it is
    // sent.
    writtenTo: text === "" ? undefined : (writtenTo ?? state.chat.partner),
  });
  // The change may have fixed the problem.
  return { ...written, composerProblem: "" };
}

function away(state: State, isAway: boolean): State {
  if (isAway) return { ...state, isAway };
  const looking = { ...state, isAway, unreadPrivate: 0 };
  const room = shownRoom(state);
  return room === undefined
    ? looking
    : updateRoom(looking, room.name, (shown) => ({ ...shown, unread: 0, mentions: 0 }));
}
