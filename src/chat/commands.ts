// What each command does. A table: one function a command, all of the same shape; they change the hub's state and add to the
// turn's batch, and never write to a connection.

import { ParleyError } from "../errors.ts";
import { networkOf } from "../addresses.ts";
import { history as historyLimits, names as nameLimits } from "../limits.ts";
import { quoted } from "../text.ts";
import { type HubState, textsOf } from "./hub-state.ts";
import { end } from "./disconnect.ts";
import type { Command, Ref, Said } from "./events.ts";
import { fittingPage } from "./history-page.ts";
import { login } from "./login.ts";
import {
  awaitRoom,
  enterRoom,
  leaveRoom,
  openRoom,
  roomsOf,
  settleEntry,
  stopAwaiting,
} from "./membership.ts";
import { absentNow, say, tell, useUp } from "./messages.ts";
import { takenByAbsent, takenByMember } from "./names/absent.ts";
import { fold, lobby, nameProblem, roomProblem } from "./names/grammar.ts";
import {
  accept,
  chatMates,
  type ChatRefusal,
  invite,
  leave,
  reject as rejectChat,
  rememberName,
} from "./private-chat.ts";
import { reject, rejectUnknownUser, rejectUnread } from "./rejections.ts";
import { roomPage } from "./room-list.ts";
import type { Session } from "./session.ts";
import { StoreAnswers } from "./store-answers.ts";
import type { RoomBounds, SessionRecord } from "./store.ts";

type Handlers = {
  [K in Command["type"]]: (
    chat: HubState,
    session: Session,
    command: Extract<Command, { type: K }>,
    /** For a `say` to the partner: who that was when it came. */
    partner: string | undefined,
  ) => void;
};

/** Commands that need no name. */
const forAll: ReadonlySet<Command["type"]> = new Set<Command["type"]>([
  "login",
  "files",
  "transfer",
  "download",
  "ping",
  "alive",
  "reply",
  "invalid",
  "quit",
]);

const handlers: Handlers = {
  login,
  say,
  tell,
  join,
  part(chat, session, { room: name, ref }) {
    const room = chat.rooms.get(fold(name));
    if (room === undefined || !session.rooms.has(room.name)) return notIn(chat, session, name, ref);
    leaveRoom(chat, session, room, "parted");
    chat.tell(session, { type: "parted", room: room.name, ref }, "settled");
  },
  names(chat, session, { room: asked = lobby, after, limit, ref }) {
    const room = chat.rooms.get(fold(asked));
    const all = (limit === undefined ? room?.names() : room?.sortedNames()) ?? [];
    const from = after === undefined ? 0 : firstAfter(all, fold(after));
    const names = limit === undefined ? all : all.slice(from, from + limit);
    const next = from + names.length < all.length ? names.at(-1) : undefined;
    const total = all.length;
    chat.tell(session, { type: "names", room: fold(asked), names, total, next, ref });
  },
  rooms(chat, session, { after, limit, ref }) {
    const { rooms, next } = roomPage(chat.rooms.values(), after, limit);
    chat.tell(session, { type: "rooms", rooms, next, ref });
  },
  rename,
  history(chat, session, { room: asked = lobby, before, limit, ref }) {
    const room = chat.rooms.get(fold(asked));
    if (room === undefined || !session.rooms.has(room.name)) {
      return notIn(chat, session, asked, ref);
    }
    // What the log has and nobody has heard yet is heard first.
    const end = Math.min(before ?? Infinity, room.seq + 1);
    const answers = new StoreAnswers(chat, session);
    let found: readonly Said[] = [];
    answers.ask<readonly Said[]>(
      (then) => chat.store.readRoom(room.name, { before: end }, limit, then),
      (messages) => (found = messages),
    );
    answers.whenAnswered((error) => {
      if (error !== undefined) {
        chat.options.log.warn(error.message);
        return reject(chat, session, error.code, error.message, { ref });
      }
      const messages = fittingPage(found, "newest");
      chat.tell(session, { type: "history", room: room.name, messages, ref });
    });
  },
  invite(chat, session, { to, ref }) {
    const other = chat.names.holder(fold(to));
    if (other === undefined) return rejectUnknownUser(chat, session, to, { ref });
    answerRequest(chat, session, invite(chat, session, other), ref);
  },
  accept(chat, session, { ref }) {
    answerRequest(chat, session, accept(chat, session), ref);
  },
  reject(chat, session, { ref }) {
    answerRequest(chat, session, rejectChat(chat, session), ref);
  },
  leave(chat, session, { ref }) {
    answerRequest(chat, session, leave(chat, session), ref);
  },
  files(chat, session, { after, limit, ref }) {
    chat.options.files.list(after, limit, (result) => {
      if (result instanceof ParleyError) {
        reject(chat, session, result.code, result.message, { ref });
      } else chat.tell(session, { type: "files", files: result.files, next: result.next, ref });
    });
  },
  transfer(chat, session, { request }) {
    chat.options.files.transfer(
      session.id,
      session.peer,
      request,
      (message) => chat.tell(session, { type: "transfer", message }),
      () => session.output.lagBytes,
    );
  },
  download(chat, session, { name }) {
    chat.options.files.download(session.id, name, session.peer, (result) => {
      if (result instanceof ParleyError) {
        reject(chat, session, result.code, result.message, { subject: name });
      } else chat.tell(session, { type: "download", ...result });
    });
  },
  ping(chat, session, { ref }) {
    chat.tell(session, { type: "pong", ref });
  },
  alive() {},
  reply(chat, session, { text, end: isLast, log }) {
    if (log !== undefined) chat.options.print(log);
    if (text !== undefined) chat.tellText(session, text);
    if (isLast === true) end(chat, session);
  },
  invalid(chat, session, { code, message, ref, n, end: isLast }) {
    const usesUp = n !== undefined && n === session.counter.taken + 1;
    if (usesUp) useUp(chat, session, n);
    reject(chat, session, code, message, { ref, n, usesUp });
    if (isLast === true) end(chat, session);
  },
  quit(chat, session) {
    end(chat, session);
  },
};

type Join = Extract<Command, { type: "join" }>;

function join(chat: HubState, session: Session, command: Join): void {
  const { room: name, since, ref } = command;
  const problem = roomProblem(name);
  if (problem !== undefined) {
    return reject(chat, session, "room-invalid", problem, { ref, subject: name });
  }
  const folded = fold(name);
  const most = nameLimits.maxRoomsPerSession;
  if (!session.rooms.has(folded) && session.rooms.size >= most) {
    const message = `You are in ${most} rooms already: leave one first`;
    return reject(chat, session, "full", message, { ref, subject: name });
  }
  const answers = new StoreAnswers(chat, session);
  let bounds: RoomBounds = { first: 1, last: 0 };
  awaitRoom(chat, folded);
  answers.ask<RoomBounds>(
    (then) => chat.store.bounds(folded, then),
    (found) => (bounds = found),
  );
  const enter = (error: ParleyError | undefined): void => {
    if (error !== undefined) return rejectUnread(chat, session, command, error);
    if (session.phase !== "member") return;
    const room = openRoom(chat, folded, bounds);
    if (room === undefined) {
      const message = "There are too many rooms: enter one that exists";
      return reject(chat, session, "full", message, { ref, subject: name });
    }
    const isNew = !session.rooms.has(folded);
    const membership = session.rooms.get(folded) ?? enterRoom(chat, session, room, false);
    membership.isCharged = true;
    const order = isNew ? membership.hearsFrom : chat.pipeline.nextOrder();
    const { epoch } = chat.options;
    chat.pipeline.gathering.beforeDelivery.push(() => {
      const state = settleEntry(chat, room, membership, order, since, bounds);
      for (const text of textsOf(session, { type: "entered", epoch, ref, ...state })) {
        chat.pipeline.settling?.addPersonal(session, { order, text, timing: "settled" });
      }
    });
    chat.wake();
  };
  answers.whenAnswered((error) => {
    enter(error);
    stopAwaiting(chat, folded);
  }, true);
}

type Rename = Extract<Command, { type: "rename" }>;

function rename(chat: HubState, session: Session, command: Rename): void {
  const { name, ref } = command;
  const { identity } = session;
  const problem = nameProblem(name, chat.options.reservedNames);
  if (problem !== undefined) {
    return reject(chat, session, "name-invalid", problem, { ref, subject: name });
  }
  const folded = fold(name);
  if (folded === identity.folded) return applyRename(chat, session, command);
  const refuse = (message: string): void =>
    reject(chat, session, "name-taken", message, { ref, subject: name });
  if (chat.names.isAnothers(name, identity.key)) return refuse(takenByMember(name).message);
  chat.names.reserve(folded);
  const answers = new StoreAnswers(chat, session);
  let holder: SessionRecord | undefined;
  answers.ask<SessionRecord | undefined>(
    (then) => chat.store.findName(folded, chat.nowMs - historyLimits.mailHoldMs, then),
    (record) => (holder = record),
  );
  answers.whenAnswered((error) => {
    chat.names.unreserve(folded);
    if (session.phase !== "member") return;
    if (error !== undefined) return rejectUnread(chat, session, command, error);
    const claimant = { recordId: identity.recordId, network: networkOf(session.peer.address) };
    const absent = absentNow(chat, folded, holder);
    const taken = takenByAbsent(name, absent, claimant, chat.nowMs);
    if (taken !== undefined) return refuse(taken.message);
    applyRename(chat, session, command);
  }, true);
}

function applyRename(chat: HubState, session: Session, { name, ref }: Rename): void {
  const from = session.name;
  const rooms = roomsOf(chat, session);
  for (const mate of chatMates(chat, session)) {
    const isPartner = mate.privateChat.partner === session.identity.key;
    if (isPartner) rememberName(chat, mate, session);
    if (rooms.some((room) => mate.rooms.has(room.name))) continue;
    chat.tell(mate, { type: "renamed", from, to: name, chat: true });
  }
  for (const room of rooms) room.remove(session.identity);
  chat.names.rename(session, name);
  chat.record(session);
  for (const room of rooms) {
    room.add(session.identity);
    chat.announce(room, { type: "renamed", room: room.name, from, to: name, author: session.id });
  }
  chat.tell(session, { type: "name", name, ref });
}

/** Runs a command of a session; what needs a name first is answered with an error. */
export function execute(
  chat: HubState,
  session: Session,
  command: Command,
  partner = session.privateChat.partner,
): void {
  if (session.phase !== "member" && !forAll.has(command.type)) {
    const ref = "ref" in command ? command.ref : undefined;
    const message = "Say who you are first: this needs a name";
    return reject(chat, session, "protocol", message, { ref });
  }
  const handle = handlers[command.type] as (
    chat: HubState,
    session: Session,
    command: Command,
    partner: string | undefined,
  ) => void;
  handle(chat, session, command, partner);
}

function notIn(chat: HubState, session: Session, room: string, ref: Ref | undefined): void {
  const message = `You are not in the room ${quoted(room)}: join it first`;
  reject(chat, session, "not-in-room", message, { ref, subject: room });
}

function answerRequest(
  chat: HubState,
  session: Session,
  refusal: ChatRefusal,
  ref: Ref | undefined,
): void {
  if (refusal !== undefined) reject(chat, session, refusal.code, refusal.message, { ref });
}

/** Index of the first name whose folded form comes after `folded`; `sorted` is sorted by folded form. */
function firstAfter(sorted: readonly string[], folded: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fold(sorted[middle]!) <= folded) low = middle + 1;
    else high = middle;
  }
  return low;
}
