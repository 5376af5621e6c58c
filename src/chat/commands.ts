// One handler per command. Handlers change the hub's state and add to the turn's batch; they never
// write to a connection.

import { ParleyError } from "../errors.ts";
import { isLoopback } from "../addresses.ts";
import { people } from "../limits.ts";
import { quoted } from "../text.ts";
import { sendAhead } from "./turn/delivery.ts";
import {
  deviceCode,
  devices,
  keys,
  link,
  revoke,
  setPassword,
  vouch,
} from "./accounts/account-commands.ts";
import { forgetToken } from "./accounts/passwords.ts";
import { register } from "./accounts/registration.ts";
import type { HubState } from "./hub-state.ts";
import { endSession } from "./disconnect.ts";
import { orderFrom } from "./admin/order-from.ts";
import type { Command, Ref } from "./events.ts";
import { answerDoor } from "./login/door.ts";
import { isOpen } from "./login/door-options.ts";
import { findElsewhere } from "./elsewhere/find-elsewhere.ts";
import { withRoom } from "./elsewhere/foreign-room.ts";
import { fittingPage } from "./history/history-page.ts";
import { passFrame } from "./offers/channel-frames.ts";
import { makeCall, takeCalls } from "./offers/call-commands.ts";
import { joinCode, openCode } from "./offers/code-commands.ts";
import { answerFiles, endFiles, offerFiles } from "./offers/offer-commands.ts";
import { login, prove } from "./login/login.ts";
import { leaveRoom } from "./rooms/membership.ts";
import { refuse, say, tell } from "./messages.ts";
import { fold, lobby } from "./names/grammar.ts";
import {
  accept,
  invite,
  inviteElsewhere,
  leave,
  reject as rejectChat,
} from "./private/private-chat.ts";
import type { Refusal } from "./refusal.ts";
import { askRegistry } from "./registry-command.ts";
import {
  joinedRoom,
  numberOf,
  refOf,
  reject,
  rejectNotInRoom,
  rejectUnknownUser,
  rejectUnread,
} from "./rejections.ts";
import { withOverview } from "./elsewhere/overview.ts";
import { roomPage } from "./rooms/room-list.ts";
import type { Session } from "./session.ts";
import { shareFiles, uploadFile } from "./sharing/share-commands.ts";
import { muteText } from "./suspect.ts";
import { search } from "./history/search.ts";
import { askStore } from "./turn/store-queries.ts";
import { join } from "./rooms/join.ts";
import { peopleHandlers } from "./people/people-commands.ts";
import { roomHandlers, roster } from "./rooms/room-commands.ts";
import { maySee, partingText } from "./rooms/room-rights.ts";
import { changeVariant } from "./variants.ts";
import { rename } from "./people/rename.ts";
import { listen, post, read } from "./accounts/token-requests.ts";

type Handlers = {
  [K in Command["type"]]: (
    hub: HubState,
    session: Session,
    command: Extract<Command, { type: K }>,
    /** Key of the private-chat partner at the time the command arrived. */
    partner: string | undefined,
  ) => void;
};

/** Commands that are allowed without a name and without admission to the server. */
const needsNothing: ReadonlySet<Command["type"]> = new Set<Command["type"]>([
  "post",
  "read",
  "listen",
  "login",
  "prove",
  "answer",
  "authenticate",
  "ping",
  "alive",
  "reply",
  "invalid",
  "quit",
]);

/** Commands that need no name, but reveal something: the session must be admitted to the server. */
const needsAdmission: ReadonlySet<Command["type"]> = new Set<Command["type"]>([
  "motd",
  "files",
  "transfer",
  "download",
  "take-calls",
  "call",
  "registry",
  "open-code",
  "join-code",
  "answer-files",
  "end-files",
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
  vouch,
  revoke,
  answer(hub, session, { text }) {
    const asked = answerDoor(hub, session, text);
    if (asked !== undefined) login(hub, session, asked);
  },
  keys,
  post,
  read,
  listen,
  say,
  tell,
  join,
  part(hub, session, { room: name, text: typed, ref }) {
    const room = joinedRoom(hub, session, name, ref);
    if (room === undefined) return;
    const text = partingText(hub, session, room.name, typed);
    leaveRoom(hub, session, room, "parted", { text });
    hub.send(session, { type: "parted", room: room.name, text, ref }, "settled");
  },
  names(hub, session, command) {
    const { room: asked = lobby, after, limit, ref } = command;
    if (session.dialect.showsPersonas === true) {
      return roster(hub, session, { type: "names", room: asked, ref });
    }
    withRoom(hub, session, fold(asked), (found, error) => {
      if (error !== undefined) return rejectUnread(hub, session, command, error);
      const room = maySee(hub, session, fold(asked)) ? found : undefined;
      if (limit !== undefined && room?.isSorted === false) {
        charge(hub, session, people.sortedChars * room.memberCount);
      }
      const all = (limit === undefined ? room?.names() : room?.sortedNames()) ?? [];
      const from = after === undefined ? 0 : firstAfter(all, fold(after));
      const names = limit === undefined ? all : all.slice(from, from + limit);
      const next = from + names.length < all.length ? names.at(-1) : undefined;
      const total = all.length;
      sendAhead(hub, session, { type: "names", room: fold(asked), names, total, next, ref });
    });
  },
  rooms(hub, session, { after, limit, ref }) {
    withOverview(hub, session, (overview) => {
      const elsewhere = (overview?.rooms ?? []).flatMap(({ room: name, members: memberCount }) =>
        hub.rooms.has(name) ? [] : [{ name, isPopulated: true, memberCount }],
      );
      charge(hub, session, people.searchedChars * (hub.rooms.size + elsewhere.length));
      const known = [...hub.rooms.values(), ...elsewhere].filter(({ name }) =>
        maySee(hub, session, name),
      );
      const { rooms: page, next } = roomPage(known, after, limit);
      const rooms = page.map((one) => ({
        ...one,
        topic: hub.rights.rooms.of(one.room).topic,
      }));
      hub.send(session, { type: "rooms", rooms, next, ref });
    });
  },
  rename,
  history(hub, session, { room: asked = lobby, before, limit, ref }) {
    const room = joinedRoom(hub, session, asked, ref);
    if (room === undefined) return;
    // Messages that are committed but not yet delivered will arrive live, so they are not part of
    // the page.
    const end = Math.min(before ?? Infinity, room.seq + 1);
    const operation = { type: "read-room", room: room.name, before: end, limit } as const;
    askStore(hub, session, operation, (found) => {
      if (!found.done) {
        hub.log.warn(found.error.message);
        return reject(hub, session, found.error.code, found.error.message, { ref });
      }
      // They may have been removed from it meanwhile.
      if (!session.rooms.has(room.name)) return rejectNotInRoom(hub, session, asked, ref);
      const messages = fittingPage(found.result, "newest");
      hub.send(session, { type: "history", room: room.name, messages, ref });
    });
  },
  search,
  invite(hub, session, command) {
    const { to, ref } = command;
    /** Returns false if they may be on another server. */
    const answerHere = (): boolean => {
      const muted = muteText(hub, session);
      const other = hub.names.holder(fold(to));
      if (muted !== undefined) reject(hub, session, "muted", muted, { ref });
      else if (other !== undefined) answerRequest(hub, session, invite(hub, session, other), ref);
      return muted !== undefined || other !== undefined;
    };
    if (answerHere()) return;
    findElsewhere(hub, session, [fold(to)], ([person], error) => {
      if (error !== undefined) return rejectUnread(hub, session, command, error);
      // Things may have changed while the store was asked.
      if (answerHere()) return;
      if (person === undefined) return rejectUnknownUser(hub, session, to, { ref });
      answerRequest(hub, session, inviteElsewhere(hub, session, person), ref);
    });
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
  files(hub, session, { after, limit, folders, ref }) {
    // The list is charged when it arrives. Later commands wait for that; otherwise hundreds would
    // be read before the first is paid for.
    session.queue.block();
    const { shareOwner: owner } = session;
    hub.options.files.list({ after, limit, folders: folders === true, owner }, (page) => {
      hub.unblock(session);
      if (session.phase === "gone") return;
      if (page instanceof ParleyError) reject(hub, session, page.code, page.message, { ref });
      else hub.send(session, { type: "files", ...page, ref });
    });
  },
  transfer(hub, session, { request }) {
    hub.options.files.transfer(
      session.id,
      { peer: session.peer, owner: session.shareOwner },
      request,
      (message) => hub.send(session, { type: "transfer", message }),
      () => session.output.lagBytes,
    );
  },
  download(hub, session, { name }) {
    const { peer, shareOwner: owner } = session;
    if (peer.tls === true && !isLoopback(peer.address)) {
      const message = `${quoted(name)} would cross the network in plain text, unlike what you say here: use parley fetch-file`;
      return reject(hub, session, "not-allowed", message, { subject: name });
    }
    hub.options.files.download(session.id, name, { peer, owner }, (result) => {
      if (session.hasEnded) return;
      if (result instanceof ParleyError) {
        reject(hub, session, result.code, result.message, { subject: name });
      } else hub.send(session, { type: "download", ...result });
    });
  },
  "offer-files": offerFiles,
  "answer-files": answerFiles,
  "end-files": endFiles,
  "share-files": shareFiles,
  "take-calls": takeCalls,
  call: makeCall,
  registry: askRegistry,
  "open-code": openCode,
  "join-code": joinCode,
  upload: uploadFile,
  pass: passFrame,
  ...peopleHandlers,
  ...roomHandlers,
  admin: orderFrom,
  ping(hub, session, { ref }) {
    hub.send(session, { type: "pong", ref, time: hub.stampMs });
  },
  alive() {},
  reply(hub, session, { text, end: isLast, log, variant }) {
    if (variant !== undefined) changeVariant(hub, session, variant);
    if (log !== undefined) hub.options.print(log);
    // In dialects where a pong tells the client that everything before it was answered, it must not
    // overtake the rest, unless too much waits already.
    const isOrdered = session.dialect.showsPersonas === true && session.phase === "member";
    const isHeld = isOrdered && !hub.isOverfull();
    const timing = isHeld ? "settled" : "now";
    if (text !== undefined) hub.sendText(session, text, timing);
    if (isLast === true) endSession(hub, session);
  },
  invalid(hub, session, { code, message, ref, n, end: isLast }) {
    const takesCounter = n !== undefined && n === session.counter.taken + 1;
    if (takesCounter) refuse(hub, session, code, message, { ref, n });
    else reject(hub, session, code, message, { ref, n });
    if (isLast === true) endSession(hub, session, "invalid");
  },
  quit(hub, session, { forget, text }) {
    session.person.farewell = text;
    if (forget === true) forgetToken(hub, session);
    endSession(hub, session);
  },
};

/** Runs a command, or rejects it if the session has no name yet and needs one. */
export function execute(
  hub: HubState,
  session: Session,
  command: Command,
  partner = session.privateChat.partner,
): void {
  if (session.phase !== "member" && !isAllowedBefore(hub, session, command.type)) {
    const about = { ref: refOf(command), n: numberOf(command) };
    return reject(hub, session, "protocol", "Log in with a name first", about);
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
  if (needsNothing.has(type)) return true;
  return needsAdmission.has(type) && (session.isAdmitted || isOpen(hub.options.door));
}

/** Charges for work that the answer does not show. */
function charge(hub: HubState, session: Session, chars: number): void {
  session.queue.charge(chars, hub.options.rates, hub.nowMs);
}

function answerRequest(
  hub: HubState,
  session: Session,
  refusal: Refusal | undefined,
  ref: Ref | undefined,
): void {
  if (refusal !== undefined) reject(hub, session, refusal.code, refusal.message, { ref });
}

/** Index of the first name that sorts after `folded`. `sorted` is ordered by folded name. */
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
