// What each command does. A table: one function a command, all of the same shape; they change the hub's state and queue events,
// and never write to a connection.

import { ParleyError } from "../errors.ts";
import type { Command, Ref } from "./events.ts";
import { fittingPage } from "./history.ts";
import type { Hub } from "./hub.ts";
import { login, refuseLogin } from "./login.ts";
import { fold, lobby, nameProblem, roomProblem } from "./names/grammar.ts";
import { accept, type ChatRefusal, invite, leave, reject } from "./private-chat.ts";
import { refuse, refuseUnread, unknownUser } from "./rejections.ts";
import { type Missed, missedSince, startReplay } from "./replay.ts";
import type { Room } from "./room.ts";
import { roomPage } from "./room-list.ts";
import type { Session } from "./session.ts";
import { say, tell } from "./messages.ts";
import { takenName } from "./names/registry.ts";

/**
 * Handlers throw ParleyError `storage` where the history can't be read, and read it before they change anything: a command that
 * throws has done nothing.
 */
type Handlers = {
  [K in Command["type"]]: (
    hub: Hub,
    session: Session,
    command: Extract<Command, { type: K }>,
  ) => void;
};

/** Commands that need a name first. */
const forMembers: ReadonlySet<Command["type"]> = new Set<Command["type"]>([
  "say",
  "tell",
  "enter",
  "rename",
  "history",
  "invite",
  "accept",
  "reject",
  "leave",
]);

const handlers: Handlers = {
  login,
  say,
  tell,
  names(hub, session, { after, limit, ref }) {
    const room = session.room ?? hub.rooms.get(lobby);
    const all = (limit === undefined ? room?.names() : room?.sortedNames()) ?? [];
    const from = after === undefined ? 0 : firstAfter(all, fold(after));
    const names = limit === undefined ? all : all.slice(from, from + limit);
    const next = from + names.length < all.length ? names.at(-1) : undefined;
    const roomName = room?.name ?? lobby;
    hub.tell(session, { type: "names", room: roomName, names, total: all.length, next, ref });
  },
  rooms(hub, session, { after, limit, ref }) {
    const { rooms, next } = roomPage(hub.rooms.values(), after, limit);
    hub.tell(session, { type: "rooms", rooms, next, ref });
  },
  enter(hub, session, { room: name, since, ref }) {
    const problem = roomProblem(name);
    if (problem !== undefined) return refuse(hub, session, "room-invalid", problem, ref, name);
    if (session.partner !== undefined) {
      return refuse(hub, session, "protocol", "You are in a private chat: leave it first", ref);
    }
    // What was said in the room that it leaves, or to it alone, it still hears there.
    if (session.room?.unsettled === true) hub.flush(hub.nowMs);
    else hub.settleBefore(fold(name), session.recordId);
    if (session.phase !== "member") return;
    const room = hub.room(fold(name));
    if (room === undefined) {
      return refuse(hub, session, "full", "There are too many rooms: enter one that exists", ref);
    }
    const missed = missedSince(hub.options.history, room, session, since);
    move(hub, session, room, missed, ref);
  },
  rename(hub, session, { name, ref }) {
    const problem = nameProblem(name);
    if (problem !== undefined) return refuse(hub, session, "name-invalid", problem, ref, name);
    const folded = fold(name);
    const { recordId, peer } = session;
    const who = { recordId, address: peer.address };
    const taken = folded === session.folded ? undefined : takenName(hub, name, who);
    if (taken !== undefined) {
      return refuse(hub, session, "name-taken", taken.message, ref, name);
    }
    hub.rename(session, name, folded);
    hub.tell(session, { type: "name", name, ref });
  },
  history(hub, session, { before, limit, ref }) {
    const room = session.room!;
    const found = hub.options.history.before(room.name, before ?? Infinity, limit);
    const messages = fittingPage(found, "newest");
    hub.tell(session, { type: "history", room: room.name, messages, ref });
  },
  invite(hub, session, { to, ref }) {
    const other = hub.members.get(fold(to));
    if (other === undefined) return unknownUser(hub, session, to, ref);
    answer(hub, session, invite(session, other, hub.tellChat), ref);
  },
  accept(hub, session, { ref }) {
    answer(hub, session, accept(session, hub.tellChat), ref);
  },
  reject(hub, session, { ref }) {
    answer(hub, session, reject(session, hub.tellChat), ref);
  },
  leave(hub, session, { ref }) {
    answer(hub, session, leave(session, hub.tellChat), ref);
  },
  files(hub, session, { after, limit, ref }) {
    hub.options.files.list(after, limit, (result) => {
      if (result instanceof ParleyError) refuse(hub, session, result.code, result.message, ref);
      else hub.tell(session, { type: "files", files: result.files, next: result.next, ref });
    });
  },
  fetch(hub, session, { request, ref }) {
    hub.options.files.fetch(
      session.id,
      session.peer,
      request,
      ref,
      (line) => hub.tell(session, { type: "transfer", line }),
      () => session.lagBytes,
    );
  },
  download(hub, session, { name }) {
    hub.options.files.download(session.id, name, session.peer, (result) => {
      if (result instanceof ParleyError)
        refuse(hub, session, result.code, result.message, undefined, name);
      else hub.tell(session, { type: "download", ...result });
    });
  },
  ping(hub, session, { ref }) {
    hub.tell(session, { type: "pong", ref });
  },
  alive() {},
  reply(hub, session, { text, end, log }) {
    if (log !== undefined) hub.options.log(log);
    if (text !== undefined) hub.answer(session, text);
    if (end === true) hub.end(session);
  },
  invalid(hub, session, { code, message, ref, n, end }) {
    if (n !== undefined && n === session.n + 1) hub.useUp(session, n);
    hub.tell(session, { type: "error", code, message, ref, ...(n === undefined ? {} : { n }) });
    if (end === true) hub.end(session);
  },
  quit(hub, session) {
    // What it has said itself in this turn it still hears.
    if (session.room?.pending.some((event) => event?.author === session.id)) hub.flush(hub.nowMs);
    hub.end(session);
  },
};

/** Into a room, or anew into the same one to be told of its past. */
function move(hub: Hub, session: Session, room: Room, missed: Missed, ref: Ref | undefined): void {
  const owedMail = session.replay?.mail;
  const moved = room !== session.room;
  if (moved) {
    hub.leaveRoom(session, "moved");
    session.room = room;
    room.add(session);
  }
  startReplay(hub, session, room, missed, owedMail);
  const { recovered } = missed;
  const { epoch } = hub.options.history;
  const seq = room.committedSeq;
  hub.tell(session, { type: "entered", room: room.name, epoch, seq, recovered, ref });
  if (moved) hub.announce(session);
}

/** Runs a command of a session; what it may not do yet, and what the history can't be read for, is answered with an error. */
export function execute(hub: Hub, session: Session, command: Command): void {
  if (session.phase !== "member" && forMembers.has(command.type)) {
    const ref = "ref" in command ? command.ref : undefined;
    return refuse(hub, session, "protocol", "Say who you are first: this needs a name", ref);
  }
  const handler = handlers[command.type] as (hub: Hub, session: Session, command: Command) => void;
  try {
    handler(hub, session, command);
  } catch (error) {
    if (!(error instanceof ParleyError)) throw error;
    hub.options.warn(error.message);
    if (command.type === "login")
      refuseLogin(hub, session, error.code, command.name, error.message);
    else refuseUnread(hub, session, command, error);
  }
}

function answer(hub: Hub, session: Session, refusal: ChatRefusal, ref: Ref | undefined): void {
  if (refusal !== undefined) refuse(hub, session, refusal.code, refusal.message, ref);
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
