// What somebody may do in a room: its operators, whom they admit, and who may speak there.

import { harmless, quoted } from "../../text.ts";
import type { HubState } from "../hub-state.ts";
import { matchesMask } from "../people/mask.ts";
import { fold, lobby } from "../names/grammar.ts";
import type { ForeignMember } from "../elsewhere/foreign-roster.ts";
import { type Changer, maskOf, type RoomRank } from "../people/persona.ts";
import type { Refusal } from "../refusal.ts";
import type { Room } from "./room.ts";
import type { RoomChange } from "./room-change.ts";
import type { RoomState } from "./room-events.ts";
import { personKey, type Session } from "../session.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { muteText } from "../suspect.ts";

/** The IDs by which decisions identify a session. */
export function idsOf({ identity, proven }: Session): readonly string[] {
  return [identity.account, proven.account, proven.key].flatMap((id) => id || []);
}

/** What the rank of a member depends on. */
type Standing = {
  /** The person's accounts and keys. */
  readonly ids: readonly string[];
  /** The ranks that end with the person's memberships. */
  readonly kept: readonly (RoomRank | undefined)[];
};

/** Operators of the server are operators of every room. */
export function rankIn(hub: HubState, session: Session, room: string): RoomRank {
  return rankBy(hub, standingIn(hub, session, room), room);
}

/** `isServers`: whether the member is an operator of the server. */
function rankBy(
  hub: HubState,
  { ids, kept }: Standing,
  room: string,
  isServers = hub.rights.roles.isOperator(ids),
): RoomRank {
  const { operators, voices } = hub.rights.rooms.of(room);
  const isOperator = isServers || kept.some((rank) => rank?.isOperator === true);
  const isVoiced = kept.some((rank) => rank?.isVoiced === true);
  return {
    isOperator: isOperator || ids.some((id) => operators.includes(id)),
    isVoiced: isVoiced || ids.some((id) => voices.includes(id)),
  };
}

function standingIn(hub: HubState, session: Session, room: string): Standing {
  const open = hub.rooms.get(room);
  const kept = open?.ranks.get(personKey(session.identity));
  const elsewhere = open === undefined ? [] : ownElsewhere(session, open);
  return { ids: idsOf(session), kept: [kept, ...elsewhere.map(({ rank }) => rank)] };
}

function standingElsewhere(members: readonly Pick<ForeignMember, "about" | "rank">[]): Standing {
  return {
    ids: members.flatMap(({ about }) => about?.ids ?? []),
    kept: members.map(({ rank }) => rank),
  };
}

/** The rank of a member who is connected to other servers. */
export function rankElsewhere(
  hub: HubState,
  members: readonly Pick<ForeignMember, "about" | "rank">[],
  room: string,
): RoomRank {
  return rankBy(hub, standingElsewhere(members), room);
}

/** The rank with which a room shows one of its members. */
export function rankOf(hub: HubState, room: Room, folded: string): RoomRank {
  return rankBy(hub, standingOf(hub, room, folded), room.name);
}

function standingOf(hub: HubState, room: Room, folded: string): Standing {
  const session = hub.names.holder(folded);
  // One of the person's devices.
  if (session !== undefined && room.roster.has(folded)) return standingIn(hub, session, room.name);
  return standingElsewhere(room.elsewhere?.all(folded) ?? []);
}

/**
 * Who becomes an operator of the room, or is none any more, because other accounts and keys than
 * before belong to operators of the server.
 */
export function rankChanges(
  hub: HubState,
  room: Room,
  { before, now }: { before: ReadonlySet<string>; now: ReadonlySet<string> },
): readonly RoomChange[] {
  return room.names().flatMap((name): readonly RoomChange[] => {
    const standing = standingOf(hub, room, fold(name));
    const wasServers = standing.ids.some((id) => before.has(id));
    const isOn = standing.ids.some((id) => now.has(id));
    if (wasServers === isOn || rankBy(hub, standing, room.name, false).isOperator) return [];
    return [{ what: "operator", name, isOn }];
  });
}

/**
 * The memberships of the session's person at other servers. Somebody else may be there under the
 * same name, which may have changed hands.
 */
export function ownElsewhere(session: Session, { elsewhere }: Room): readonly ForeignMember[] {
  const { identity } = session;
  if (elsewhere?.has(identity.folded) !== true) return [];
  const key = personKey(identity);
  const ids = idsOf(session);
  return elsewhere
    .all(identity.folded)
    .filter(({ about }) => about?.person === key || about?.ids.some((id) => ids.includes(id)));
}

/** The session as the author of a decision about a room. */
export function changerOf(hub: HubState, session: Session): Changer {
  const persona = hub.personas.shown(session);
  const ids = idsOf(session);
  const isKnown = ids.length > 0;
  const payer = hub.rights.roles.isOperator(ids) ? undefined : session.shareOwner;
  return { name: session.name, author: session.id, persona, ids, isKnown, payer };
}

/**
 * Whether the room is not private, or the session is a guest. `accounts`: further accounts that
 * belong to the session, which is still logging in.
 */
export function mayEnter(
  { rights }: Pick<HubState, "rights">,
  { identity, proven }: Session,
  room: string,
  accounts: readonly (string | undefined)[] = [],
): boolean {
  if (!rights.rooms.of(room).isPrivate) return true;
  const all = [identity.account, proven.account, proven.key, ...accounts];
  const ids = all.flatMap((id) => id || []);
  return admits({ rights }, room, ids);
}

/** The same for somebody who is identified by these accounts and keys. */
export function admits(
  { rights }: Pick<HubState, "rights">,
  room: string,
  ids: readonly string[],
): boolean {
  const { rooms, roles } = rights;
  return rooms.admits(room, ids) || roles.isOperator(ids);
}

/** Why somebody may not enter; undefined if they may. Most rooms have no settings at all. */
export function entryProblem(
  hub: HubState,
  session: Session,
  room: string,
  key: string | undefined,
): Refusal | undefined {
  const { rooms } = hub.rights;
  if (!rooms.hasAny(room)) return undefined;
  const settings = rooms.of(room);
  const shown = quoted(room);
  if (rankIn(hub, session, room).isOperator) return undefined;
  const open = hub.rooms.get(room);
  const isCalled =
    open?.called.has(personKey(session.identity)) === true || isCalledElsewhere(hub, session, room);
  if (isBannedFrom(hub, session, room)) {
    return isCalled ? undefined : { code: "room-banned", message: `You are banned from ${shown}` };
  }
  // Earlier versions could close the lobby.
  if (isCalled || room === lobby || isThere(hub, session, room)) return undefined;
  if (settings.flags.includes("invite-only")) {
    const message = `The room ${shown} is for invited people: an operator of it can invite you`;
    return { code: "invite-only", message };
  }
  if (settings.key !== undefined && settings.key !== key) {
    const how = key === undefined ? "needs a key" : "has another key";
    return { code: "room-key", message: `The room ${shown} ${how}` };
  }
  if (settings.limit !== undefined && (open?.memberCount ?? 0) >= settings.limit) {
    return { code: "room-full", message: `The room ${shown} is full: try again later` };
  }
  return undefined;
}

/**
 * Whether an operator of the room, connected to another server, has invited the session. The
 * room may since have emptied and been opened by others without this server hearing of it, so the
 * invitation holds only while its sender is an operator of the room. If the room is not open here,
 * that can't be checked, and the invitation holds.
 */
function isCalledElsewhere(hub: HubState, session: Session, room: string): boolean {
  const by = session.person.calledInto?.get(room);
  const open = hub.rooms.get(room);
  if (by === undefined || open === undefined) return by !== undefined;
  const members = [...(open.elsewhere?.people() ?? [])].filter(({ folded, about }) => {
    return by.ids.length === 0 ? folded === fold(by.name) : isOneOf(by.ids, about?.ids);
  });
  return members.some(({ folded }) => rankOf(hub, open, folded).isOperator);
}

function isOneOf(ids: readonly string[], those: readonly string[] = []): boolean {
  return those.some((id) => ids.includes(id));
}

/** Whether the person is in the room by another connection, or has just lost the one they had. */
function isThere(hub: HubState, session: Session, room: string): boolean {
  const { identity } = session;
  if (hub.names.otherDevices(session).some(({ rooms }) => rooms.has(room))) return true;
  const open = hub.rooms.get(room);
  if (open !== undefined && ownElsewhere(session, open).length > 0) return true;
  return hub.lostMembers.mayReturn(room, personKey(identity), hub.nowMs);
}

/**
 * Why nothing that a session writes may appear in the room, whether as a message or, for example,
 * as a topic; undefined if it may. People may speak in some rooms without having entered them.
 */
export function speechProblem(hub: HubState, session: Session, room: string): Refusal | undefined {
  if (!session.rooms.has(room) && !isOpenToOutside(hub, session, room)) {
    return {
      code: "not-in-room",
      message: `You are not in the room ${quoted(room)}: join it first`,
    };
  }
  const message = silenceIn(hub, session, room);
  return message === undefined ? undefined : { code: "muted", message };
}

/** The same for somebody who need not be in the room. Most rooms have no settings at all. */
export function silenceIn(hub: HubState, session: Session, room: string): string | undefined {
  const muted = muteText(hub, session);
  if (muted !== undefined) return muted;
  const { rooms } = hub.rights;
  if (!rooms.hasAny(room)) return undefined;
  const isModerated = rooms.of(room).flags.includes("moderated");
  if (!isModerated && rooms.of(room).bans.length === 0) return undefined;
  const { isOperator, isVoiced } = rankIn(hub, session, room);
  if (isOperator || isVoiced) return undefined;
  if (isModerated)
    return `The room ${quoted(room)} is moderated: ask one of its operators for permission to speak`;
  if (!isBannedFrom(hub, session, room)) return undefined;
  return `You are banned from ${quoted(room)}`;
}

/** What somebody says on leaving a room: nothing if they may not speak there. */
export function partingText(
  hub: HubState,
  session: Session,
  room: string,
  text: string | undefined,
): string | undefined {
  if (text === undefined || silenceIn(hub, session, room) !== undefined) return undefined;
  return harmless(text);
}

/** Whether the session may speak in the room without having entered it. */
export function isOpenToOutside(hub: HubState, session: Session, room: string): boolean {
  const { rooms } = hub.rights;
  if (!rooms.hasAny(room) || rooms.of(room).flags.includes("members-only")) return false;
  return hub.rooms.has(room) && mayEnter(hub, session, room);
}

/**
 * Why somebody may not take that name: in a room where they have no rank they are banned, or would
 * be. Otherwise another name would be enough to evade a ban.
 */
export function renameProblem(hub: HubState, session: Session, name: string): Refusal | undefined {
  for (const { room } of session.rooms) {
    if (hub.rights.rooms.of(room).bans.length === 0) continue;
    const { isOperator, isVoiced } = rankIn(hub, session, room);
    if (isOperator || isVoiced) continue;
    const isBanned = isBannedFrom(hub, session, room);
    if (!isBanned && !isBannedFrom(hub, session, room, fold(name))) continue;
    const who = isBanned ? "You are" : `The name ${quoted(name)} is`;
    const message = `${who} banned from ${quoted(room)}: leave it before you change your name`;
    return { code: "room-banned", message };
  }
  return undefined;
}

function isBannedFrom(
  hub: HubState,
  session: Session,
  room: string,
  folded = session.identity.folded,
): boolean {
  const { bans } = hub.rights.rooms.of(room);
  if (bans.length === 0) return false;
  const mask = maskOf(folded, hub.personas.of(session));
  return bans.some((ban) => matchesMask(ban.mask, mask));
}

/** Whether somebody may learn that the room exists and who is in it. */
export function maySee(hub: HubState, session: Session, room: string): boolean {
  if (session.rooms.has(room)) return true;
  if (!mayEnter(hub, session, room)) return false;
  const isSecret = hub.rights.rooms.of(room).flags.includes("secret");
  return !isSecret || rankIn(hub, session, room).isOperator;
}

/**
 * The first to enter a room without settings becomes its operator. The lobby has none. With other
 * servers, the store decides who was the first.
 */
export function greetFirst(hub: HubState, session: Session, room: Room): void {
  if (room.name === lobby || room.isPopulated) return;
  if (hub.rights.rooms.isKept(room.name)) return;
  const { folded } = session.identity;
  const key = personKey(session.identity);
  if (!hub.isAlone) {
    room.opening = { folded, key };
    return waitUntilSettled(hub, session);
  }
  room.ranks.set(key, { isOperator: true, isVoiced: false });
}

/** Somebody has lost the connection to the room. Most rooms have neither settings nor ranks. */
export function rememberLost(
  hub: HubState,
  room: Room,
  person: string,
  rank: RoomRank | undefined,
  owner: ShareOwner,
): void {
  if (rank === undefined && !hub.rights.rooms.hasAny(room.name)) return;
  hub.lostMembers.lost(room, person, rank, owner, hub.nowMs);
}

/** Later commands of the session wait until the current turn is settled. */
export function waitUntilSettled(hub: HubState, session: Session): void {
  session.queue.block();
  hub.pipeline.gathering.afterDelivery.push(() => {
    hub.unblock(session);
  });
}

export function stateOf(hub: HubState, room: Room, isMember: boolean): RoomState {
  const { flags, key, limit, topic, topicBy, topicMs, bans } = hub.rights.rooms.of(room.name);
  return {
    room: room.name,
    flags,
    key: isMember ? key : undefined,
    hasKey: key !== undefined,
    limit,
    openedMs: room.openedMs,
    topic,
    topicBy,
    topicMs,
    bans,
  };
}
