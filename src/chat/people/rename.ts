// Changing a name, unless the old or the new one is registered.

import { networkOf } from "../../addresses.ts";
import { history as historyLimits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import type { HubState } from "../hub-state.ts";
import { noteCome, noteGone } from "./comings.ts";
import type { Account } from "../accounts/account-store.ts";
import { claimName, releaseName } from "../elsewhere/name-claims.ts";
import type { Command } from "../events.ts";
import { inThisRoom, renamedIn, roomsOf } from "../rooms/membership.ts";
import { followMember } from "../rooms/member-news.ts";
import { renameProblem } from "../rooms/room-rights.ts";
import { absentHolder } from "../names/absent-holder.ts";
import { takenByAbsent, takenByMember } from "../names/absent.ts";
import { fold, nameProblem } from "../names/grammar.ts";
import { withheldRefusal } from "../names/withheld.ts";
import { rememberNames, tellRenamed } from "../private/private-chat.ts";
import type { Refusal } from "../refusal.ts";
import { refuseIfOverfull, reject, rejectUnread } from "../rejections.ts";
import { shareMember } from "../elsewhere/share-presence.ts";
import type { Session } from "../session.ts";
import { banOf, muteText, suspectOf } from "../suspect.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import type { SessionRecord } from "../turn/store.ts";

type Rename = Extract<Command, { type: "rename" }>;

export function rename(hub: HubState, session: Session, command: Rename): void {
  const { name, ref } = command;
  const { identity } = session;
  const problem = nameProblem(name, hub.options.reservedNames);
  if (problem !== undefined) {
    return reject(hub, session, "name-invalid", problem, { ref, subject: name });
  }
  if (isBarred(hub, session, command)) return;
  if (refuseIfOverfull(hub, session, { ref })) return;
  const folded = fold(name);
  // Nothing changes, so nobody else is told.
  if (name === identity.name) return hub.send(session, { type: "name", name, ref }, "settled");
  if (identity.account !== "") return rejectOwned(hub, session, command);
  if (folded === identity.folded) return applyRename(hub, session, command);
  const refuse = (message: string): void =>
    reject(hub, session, "name-taken", message, { ref, subject: name });
  if (hub.names.isTakenByOther(name, identity.key)) return refuse(takenByMember(name).message);
  hub.names.reserve(folded);
  const isRegistered = awaitName(session, folded);
  const queries = new StoreQueries(hub, session);
  let holder: SessionRecord | undefined;
  let owner: Account | undefined;
  queries.ask({ type: "find-account", lookup: { name: folded } }, (account) => (owner = account));
  queries.ask(
    { type: "find-name", name: folded, sinceMs: hub.nowMs - historyLimits.mailHoldMs },
    (record) => (holder = record),
  );
  queries.whenAnswered((error) => {
    hub.names.unreserve(folded);
    const isOwned = isRegistered() || owner !== undefined;
    if (session.phase !== "member") return;
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    if (isOwned) return rejectOwned(hub, session, command, "registered");
    const claimant = { recordId: identity.recordId, network: networkOf(session.peer.address) };
    const absent = absentHolder(hub, folded, holder);
    const taken = takenByAbsent(name, absent, claimant, hub.nowMs);
    if (taken !== undefined) return refuse(taken.message);
    const isRegisteredSince = awaitName(session, folded);
    claimName(hub, session, { folded }, ({ isFree, last, problem, keep, giveUp }) => {
      const isOwned = isRegisteredSince();
      if (session.phase !== "member") return giveUp();
      if (problem !== undefined) {
        giveUp();
        return rejectUnread(hub, session, command, problem);
      }
      if (isOwned) {
        giveUp();
        return rejectOwned(hub, session, command, "registered");
      }
      if (!isFree) return refuse(takenByMember(name).message);
      const since = takenByAbsent(name, absentHolder(hub, folded, last), claimant, hub.nowMs);
      if (since !== undefined) {
        giveUp();
        return refuse(since.message);
      }
      // By what operators have decided meanwhile.
      if (isBarred(hub, session, command)) return giveUp();
      applyRename(hub, session, command);
      keep();
    });
  }, "even-if-ended");
}

/**
 * Marks the session as waiting for an answer about the name. When the answer arrives, call the
 * returned function: true means that somebody else has registered the name in the meantime
 * (namesakes.ts).
 */
function awaitName(session: Session, folded: string): () => boolean {
  session.awaitedNames = [folded];
  return () => {
    const isRegistered = session.phase === "member" && !session.awaitedNames.includes(folded);
    session.awaitedNames = [];
    return isRegistered;
  };
}

/** Refuses those who are muted, and names that are banned or reserved. */
function isBarred(hub: HubState, session: Session, { name, ref }: Rename): boolean {
  const problem = barrier(hub, session, name);
  if (problem === undefined) return false;
  reject(hub, session, problem.code, problem.message, { ref, subject: name });
  return true;
}

function barrier(hub: HubState, session: Session, name: string): Refusal | undefined {
  const muted = muteText(hub, session);
  if (muted !== undefined) return { code: "muted", message: muted };
  const reserved = session.identity.account === "" ? withheldRefusal(name) : undefined;
  if (reserved !== undefined) return reserved;
  const ban = banOf(hub, suspectOf(session, { names: [name] }));
  if (ban !== undefined) return { code: "banned", message: `The name ${quoted(name)} is banned` };
  return renameProblem(hub, session, name);
}

/** Registered names are not given up or taken by a rename: their owner logs in with them. */
function rejectOwned(
  hub: HubState,
  session: Session,
  { name, ref }: Rename,
  to?: "registered",
): void {
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
  session.queue.chargeRooms(rooms.length, hub.options.rates, hub.nowMs);
  rememberNames(hub, session);
  const { folded: before } = session.identity;
  const newsBefore = rooms.map((room) => followMember(hub, room, before));
  for (const room of rooms) room.remove(session.identity);
  if (fold(name) !== before) releaseName(hub, session);
  hub.names.rename(session, name);
  session.person.describe({});
  hub.list(before);
  hub.list(session.identity.folded);
  tellRenamed(hub, session, from);
  hub.queueRecord(session);
  const isOther = fold(from) !== session.identity.folded;
  if (isOther) noteGone(hub, session, from);
  const persona = hub.personas.shown(session);
  const once = hub.pipeline.nextOrder();
  for (const [i, room] of rooms.entries()) {
    const wasThere = room.has(session.identity.folded);
    const memberNews = followMember(hub, room, session.identity.folded);
    room.add(session.identity);
    const author = session.id;
    const renamed = { type: "renamed", room: room.name, from, to: name, author, once } as const;
    hub.share(room, { folded: before, name: undefined, event: undefined });
    shareMember(hub, session, room, renamed);
    const shown = renamedIn(hub, room, { ...renamed, persona }, wasThere).flatMap((event) =>
      inThisRoom(hub, room, event),
    );
    const changes = [...(newsBefore[i]?.() ?? []), ...memberNews()];
    for (const event of [...shown, ...changes]) hub.announce(room, event);
  }
  // In the order of its other events: earlier ones still have the old name.
  hub.send(session, { type: "name", name, ref }, "settled");
  if (isOther) noteCome(hub, session);
}
