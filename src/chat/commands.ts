// One handler per command. Handlers change the hub's state and add to the turn's batch; they never
// write to a connection.

import { ParleyError } from "../errors.ts";
import { networkOf } from "../addresses.ts";
import { history as historyLimits, names as nameLimits } from "../limits.ts";
import { quoted } from "../text.ts";
import { deviceCode, devices, keys, link, revoke, setPassword } from "./account-commands.ts";
import { forgetToken } from "./passwords.ts";
import { register } from "./registration.ts";
import { type HubState, textsOf } from "./hub-state.ts";
import { endSession } from "./disconnect.ts";
import type { Account } from "./account-store.ts";
import { orderFrom } from "./admin/order-from.ts";
import type { Command, Ref, Said } from "./events.ts";
import { answerDoor } from "./door.ts";
import { isOpen } from "./door-options.ts";
import { fittingPage } from "./history-page.ts";
import { login, prove } from "./login.ts";
import {
  holdRoom,
  enterRoom,
  leaveRoom,
  openRoom,
  roomsOf,
  settleEntry,
  releaseRoom,
} from "./membership.ts";
import { absentNow, say, tell, takeCounter } from "./messages.ts";
import { takenByAbsent, takenByMember } from "./names/absent.ts";
import { fold, lobby, nameProblem, roomProblem } from "./names/grammar.ts";
import {
  accept,
  privateChatPeers,
  type ChatRefusal,
  invite,
  leave,
  reject as rejectChat,
  rememberName,
} from "./private-chat.ts";
import { refuseIfOverfull, reject, rejectUnknownUser, rejectUnread } from "./rejections.ts";
import { mayEnter, tellTopic } from "./room-access.ts";
import { roomPage } from "./room-list.ts";
import type { Session } from "./session.ts";
import { banOf, muteText, suspectOf } from "./suspect.ts";
import { StoreQueries } from "./store-queries.ts";
import type { RoomBounds, SessionRecord } from "./store.ts";

type Handlers = {
  [K in Command["type"]]: (
    hub: HubState,
    session: Session,
    command: Extract<Command, { type: K }>,
    /** Key of the private-chat partner at the time the command arrived. */
    partner: string | undefined,
  ) => void;
};

/** Commands that need no name. */
const allowedBeforeLogin: ReadonlySet<Command["type"]> = new Set<Command["type"]>([
  "login",
  "prove",
  "answer",
  "admin",
  "files",
  "transfer",
  "download",
  "ping",
  "alive",
  "reply",
  "invalid",
  "quit",
]);

/** Of those, the ones that tell something. */
const needsAdmission: ReadonlySet<Command["type"]> = new Set([
  "files",
  "transfer",
  "download",
  "admin",
]);

const handlers: Handlers = {
  login,
  prove,
  register,
  "set-password": setPassword,
  devices,
  "device-code": deviceCode,
  link,
  revoke,
  answer(hub, session, { text }) {
    const asked = answerDoor(hub, session, text);
    if (asked !== undefined) login(hub, session, asked);
  },
  keys,
  say,
  tell,
  join,
  part(hub, session, { room: name, ref }) {
    const room = hub.rooms.get(fold(name));
    if (room === undefined || !session.rooms.has(room.name))
      return rejectNotInRoom(hub, session, name, ref);
    leaveRoom(hub, session, room, "parted");
    hub.send(session, { type: "parted", room: room.name, ref }, "settled");
  },
  names(hub, session, { room: asked = lobby, after, limit, ref }) {
    const isHidden = !mayEnter(hub, session, fold(asked));
    const room = isHidden ? undefined : hub.rooms.get(fold(asked));
    const all = (limit === undefined ? room?.names() : room?.sortedNames()) ?? [];
    const from = after === undefined ? 0 : firstAfter(all, fold(after));
    const names = limit === undefined ? all : all.slice(from, from + limit);
    const next = from + names.length < all.length ? names.at(-1) : undefined;
    const total = all.length;
    hub.send(session, { type: "names", room: fold(asked), names, total, next, ref });
  },
  rooms(hub, session, { after, limit, ref }) {
    const known = Array.from(hub.rooms.values()).filter(({ name }) => mayEnter(hub, session, name));
    const { rooms, next } = roomPage(known, after, limit);
    hub.send(session, { type: "rooms", rooms, next, ref });
  },
  rename,
  history(hub, session, { room: asked = lobby, before, limit, ref }) {
    const room = hub.rooms.get(fold(asked));
    if (room === undefined || !session.rooms.has(room.name)) {
      return rejectNotInRoom(hub, session, asked, ref);
    }
    // Messages that are committed but not yet delivered arrive live, so they stay out of the page.
    const end = Math.min(before ?? Infinity, room.seq + 1);
    const queries = new StoreQueries(hub, session);
    let found: readonly Said[] = [];
    queries.ask<readonly Said[]>(
      (then) => hub.store.readRoom(room.name, { before: end }, limit, then),
      (messages) => (found = messages),
    );
    queries.whenAnswered((error) => {
      if (error !== undefined) {
        hub.options.log.warn(error.message);
        return reject(hub, session, error.code, error.message, { ref });
      }
      const messages = fittingPage(found, "newest");
      hub.send(session, { type: "history", room: room.name, messages, ref });
    });
  },
  invite(hub, session, { to, ref }) {
    const muted = muteText(hub, session);
    if (muted !== undefined) return reject(hub, session, "muted", muted, { ref });
    const other = hub.names.holder(fold(to));
    if (other === undefined) return rejectUnknownUser(hub, session, to, { ref });
    answerRequest(hub, session, invite(hub, session, other), ref);
  },
  accept(hub, session, { ref }) {
    answerRequest(hub, session, accept(hub, session), ref);
  },
  reject(hub, session, { ref }) {
    answerRequest(hub, session, rejectChat(hub, session), ref);
  },
  leave(hub, session, { ref }) {
    answerRequest(hub, session, leave(hub, session), ref);
  },
  files(hub, session, { after, limit, ref }) {
    // The list is charged when it is there. Later commands wait for that, or hundreds would be read
    // before the first is paid for.
    session.queue.block();
    hub.options.files.list(after, limit, (result) => {
      session.queue.unblock();
      if (session.phase === "gone") return;
      if (result instanceof ParleyError) {
        reject(hub, session, result.code, result.message, { ref });
      } else hub.send(session, { type: "files", files: result.files, next: result.next, ref });
      hub.schedule.unblocked.add(session);
      hub.wake();
    });
  },
  transfer(hub, session, { request }) {
    hub.options.files.transfer(
      session.id,
      session.peer,
      request,
      (message) => hub.send(session, { type: "transfer", message }),
      () => session.output.lagBytes,
    );
  },
  download(hub, session, { name }) {
    hub.options.files.download(session.id, name, session.peer, (result) => {
      if (result instanceof ParleyError) {
        reject(hub, session, result.code, result.message, { subject: name });
      } else hub.send(session, { type: "download", ...result });
    });
  },
  admin: orderFrom,
  ping(hub, session, { ref }) {
    hub.send(session, { type: "pong", ref });
  },
  alive() {},
  reply(hub, session, { text, end: isLast, log }) {
    if (log !== undefined) hub.options.print(log);
    if (text !== undefined) hub.sendText(session, text);
    if (isLast === true) endSession(hub, session);
  },
  invalid(hub, session, { code, message, ref, n, end: isLast }) {
    const takesCounter = n !== undefined && n === session.counter.taken + 1;
    if (takesCounter && refuseIfOverfull(hub, session, { n, ref })) return;
    if (takesCounter) takeCounter(hub, session, n);
    reject(hub, session, code, message, { ref, n, takesCounter });
    if (isLast === true) endSession(hub, session, "invalid");
  },
  quit(hub, session, { forget }) {
    if (forget === true) forgetToken(hub, session);
    endSession(hub, session);
  },
};

type Join = Extract<Command, { type: "join" }>;

function join(hub: HubState, session: Session, command: Join): void {
  const { room: name, since, ref } = command;
  const problem = roomProblem(name);
  if (problem !== undefined) {
    return reject(hub, session, "room-invalid", problem, { ref, subject: name });
  }
  const folded = fold(name);
  const most = nameLimits.maxRoomsPerSession;
  if (!session.rooms.has(folded) && session.rooms.size >= most) {
    const message = `You are in ${most} rooms already: leave one first`;
    return reject(hub, session, "full", message, { ref, subject: name });
  }
  if (!mayEnter(hub, session, folded)) {
    const message = `The room ${quoted(name)} is private: an operator can let you in`;
    return reject(hub, session, "not-allowed", message, { ref, subject: name });
  }
  if (refuseIfOverfull(hub, session, { ref })) return;
  const queries = new StoreQueries(hub, session);
  let bounds: RoomBounds = { first: 1, last: 0 };
  holdRoom(hub, folded);
  queries.ask<RoomBounds>(
    (then) => hub.store.bounds(folded, then),
    (found) => (bounds = found),
  );
  const enter = (error: ParleyError | undefined): void => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    // It may have become private meanwhile.
    if (session.phase !== "member" || !mayEnter(hub, session, folded)) return;
    const room = openRoom(hub, session, folded, bounds);
    if (typeof room === "string") return reject(hub, session, "full", room, { ref, subject: name });
    const isNew = !session.rooms.has(folded);
    const membership = session.rooms.get(folded) ?? enterRoom(hub, session, room, false);
    membership.charge();
    const order = isNew ? membership.hearsFrom : hub.pipeline.nextOrder();
    const { epoch } = hub.options;
    hub.pipeline.gathering.beforeDelivery.push(() => {
      const state = settleEntry(hub, room, membership, order, since, bounds);
      for (const text of textsOf(session, { type: "entered", epoch, ref, ...state })) {
        hub.pipeline.settling?.addPersonal(session, { order, text, timing: "settled" });
      }
    });
    if (isNew) tellTopic(hub, session, folded);
    hub.wake();
  };
  queries.whenAnswered((error) => {
    enter(error);
    releaseRoom(hub, folded);
  }, true);
}

type Rename = Extract<Command, { type: "rename" }>;

function rename(hub: HubState, session: Session, command: Rename): void {
  const { name, ref } = command;
  const { identity } = session;
  const problem = nameProblem(name, hub.options.reservedNames);
  if (problem !== undefined) {
    return reject(hub, session, "name-invalid", problem, { ref, subject: name });
  }
  const muted = muteText(hub, session);
  if (muted !== undefined) return reject(hub, session, "muted", muted, { ref, subject: name });
  const ban = banOf(hub, suspectOf(session, { names: [name] }));
  if (ban !== undefined) {
    return reject(hub, session, "banned", `The name ${quoted(name)} is banned`, {
      ref,
      subject: name,
    });
  }
  if (refuseIfOverfull(hub, session, { ref })) return;
  const folded = fold(name);
  if (identity.account !== "") return rejectOwned(hub, session, command);
  if (folded === identity.folded) return applyRename(hub, session, command);
  const refuse = (message: string): void =>
    reject(hub, session, "name-taken", message, { ref, subject: name });
  if (hub.names.isTakenByOther(name, identity.key)) return refuse(takenByMember(name).message);
  hub.names.reserve(folded);
  const queries = new StoreQueries(hub, session);
  let holder: SessionRecord | undefined;
  let owner: Account | undefined;
  queries.ask<Account | undefined>(
    (then) => hub.store.findAccount({ name: folded }, then),
    (account) => (owner = account),
  );
  queries.ask<SessionRecord | undefined>(
    (then) => hub.store.findName(folded, hub.nowMs - historyLimits.mailHoldMs, then),
    (record) => (holder = record),
  );
  queries.whenAnswered((error) => {
    hub.names.unreserve(folded);
    if (session.phase !== "member") return;
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    if (owner !== undefined) return rejectOwned(hub, session, command, owner);
    const claimant = { recordId: identity.recordId, network: networkOf(session.peer.address) };
    const absent = absentNow(hub, folded, holder);
    const taken = takenByAbsent(name, absent, claimant, hub.nowMs);
    if (taken !== undefined) return refuse(taken.message);
    applyRename(hub, session, command);
  }, true);
}

/** Registered names are not given up or taken by a rename: their owner logs in with them. */
function rejectOwned(hub: HubState, session: Session, { name, ref }: Rename, to?: Account): void {
  const why =
    to === undefined
      ? `${quoted(session.name)} is registered and stays yours`
      : `The name ${quoted(name)} is registered`;
  const message = `${why}: to use ${quoted(name)}, connect again with that name`;
  reject(hub, session, "name-registered", message, { ref, subject: name });
}

function applyRename(hub: HubState, session: Session, { name, ref }: Rename): void {
  const from = session.name;
  const rooms = roomsOf(hub, session);
  for (const mate of privateChatPeers(hub, session)) {
    const isPartner = mate.privateChat.partner === session.identity.key;
    if (isPartner) rememberName(hub, mate, session);
    if (rooms.some((room) => mate.rooms.has(room.name))) continue;
    hub.send(mate, { type: "renamed", from, to: name, chat: true });
  }
  for (const room of rooms) room.remove(session.identity);
  hub.names.rename(session, name);
  hub.queueRecord(session);
  for (const room of rooms) {
    room.add(session.identity);
    hub.announce(room, { type: "renamed", room: room.name, from, to: name, author: session.id });
  }
  hub.send(session, { type: "name", name, ref });
}

/** Runs a command, or rejects it if the session has no name yet and needs one. */
export function execute(
  hub: HubState,
  session: Session,
  command: Command,
  partner = session.privateChat.partner,
): void {
  if (session.phase !== "member" && !isAllowedBefore(hub, session, command.type)) {
    const ref = "ref" in command ? command.ref : undefined;
    const message = "Log in with a name first";
    return reject(hub, session, "protocol", message, { ref });
  }
  const handle = handlers[command.type] as (
    hub: HubState,
    session: Session,
    command: Command,
    partner: string | undefined,
  ) => void;
  handle(hub, session, command, partner);
}

function isAllowedBefore(hub: HubState, session: Session, type: Command["type"]): boolean {
  if (!allowedBeforeLogin.has(type)) return false;
  return !needsAdmission.has(type) || session.isAdmitted || isOpen(hub.options.door);
}

function rejectNotInRoom(
  hub: HubState,
  session: Session,
  room: string,
  ref: Ref | undefined,
): void {
  const message = `You are not in the room ${quoted(room)}: join it first`;
  reject(hub, session, "not-in-room", message, { ref, subject: room });
}

function answerRequest(
  hub: HubState,
  session: Session,
  refusal: ChatRefusal,
  ref: Ref | undefined,
): void {
  if (refusal !== undefined) reject(hub, session, refusal.code, refusal.message, { ref });
}

/** Index of the first name sorted after `folded`. `sorted` is in order of folded names. */
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
