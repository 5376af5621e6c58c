// Applies joins, parts and announcements from other servers to rooms, and tells the members
// connected to this one.

import type { LeaveReason, PresenceEvent } from "../events.ts";
import type { ForeignMember } from "./foreign-roster.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { calledKey } from "../rooms/call-into.ts";
import { announceLater, inThisRoom, renamedIn, shownRank } from "../rooms/membership.ts";
import { changedByServer, type ModeEvent, spansRooms } from "../rooms/presence.ts";
import { followMember, shownAway } from "../rooms/member-news.ts";
import type { Room } from "../rooms/room.ts";
import { rankElsewhere, rankOf, rememberLost } from "../rooms/room-rights.ts";
import { ownerOfKept } from "../../share-owner.ts";
import { deliverForeign } from "../turn/delivery.ts";
import type { PresenceChange } from "../turn/store.ts";

/** Presence changes of a room that lead to its `version`. */
export type RoomPresence = {
  readonly room: string;
  readonly version: number;
  readonly changes: readonly PresenceChange[];
};

/** Presence changes of one server in several rooms, all from one commit. */
export type ForeignPresence = {
  readonly type: "presence";
  readonly server: string;
  readonly rooms: readonly RoomPresence[];
};

/** The whole list of a room's members on other servers. */
export type ForeignMembers = {
  readonly type: "roster";
  readonly room: string;
  readonly version: number;
  /** The versions begin anew: the store has forgotten the room, and has one of that name again. */
  readonly isAnew?: boolean;
  readonly members: readonly ForeignMember[];
};

export function handlePresence(hub: HubState, { server, rooms }: ForeignPresence): void {
  const news = rooms.flatMap((presence) => newsOf(hub, server, presence));
  deliverPresence(
    hub,
    withOwnNumbers(
      hub,
      news.toSorted((a, b) => a.at - b.at),
    ),
  );
}

export function handleRoster(
  hub: HubState,
  { room: name, version, isAnew = false, members }: ForeignMembers,
): void {
  const room = hub.rooms.get(name);
  if (room?.elsewhere === undefined) return;
  if (version < room.elsewhere.version && !isAnew) return;
  room.elsewhere.version = version;
  const all = new Set([...room.elsewhere.people(), ...members].map(({ folded }) => folded));
  const memberNews = Array.from(all, (folded) => followMember(hub, room, folded));
  const { added, removed, kept } = room.elsewhere.replace(members);
  room.changedElsewhere();
  const isForeign = ({ folded }: ForeignMember) => !room.roster.has(folded);
  const told = [
    ...removed.filter(isForeign).map((member) => left(hub, room, member)),
    ...added
      .filter(isForeign)
      .flatMap((member) => [joined(hub, room, member), away(hub, room, member)]),
    ...kept.flatMap(([before, now]) => [
      before.name === now.name ? undefined : renamed(hub, room, before, now),
      before.about?.away === now.about?.away || !isForeign(now) ? undefined : away(hub, room, now),
    ]),
    ...memberNews.flatMap((news) => news()),
  ].flatMap((event) => event ?? []);
  deliverPresence(
    hub,
    told.map((event) => ({ room, event })),
  );
}

/** An event in a room. */
type News = { readonly room: Room; readonly event: PresenceEvent };

/**
 * Another server's changes in a room, in the form in which they are reported here; none if they
 * arrived too early. `at`: their place among the changes of the commit.
 */
function newsOf(
  hub: HubState,
  server: string,
  { room: name, version, changes }: RoomPresence,
): readonly (News & { at: number })[] {
  const room = hub.rooms.get(name);
  // If other changes came in between, the whole roster is read again.
  if (room?.elsewhere === undefined || version !== room.elsewhere.version + 1) return [];
  room.elsewhere.version = version;
  const told: (News & { at: number })[] = [];
  for (const { event, at = 0, ...change } of changes) {
    const { folded, name: shown, about } = change;
    const wasThere = room.has(folded);
    const before = room.elsewhere.get(folded);
    const there = room.elsewhere.all(folded).find((member) => member.server === server);
    // Ranks given by an operator are announced separately; this covers ranks that come and go with
    // a connection, or with what it has proved.
    const isOther = provenBy(there) !== provenBy(shown === undefined ? undefined : change);
    const memberNews = isOther ? followMember(hub, room, folded) : undefined;
    let member: Pick<ForeignMember, "about" | "rank"> = change;
    if (shown === undefined) {
      room.elsewhere.remove({ server, folded });
      if (event?.type === "left") noteLeft(hub, room, there, event.reason);
    } else {
      member = room.elsewhere.add({ ...change, server, name: shown });
      room.called.delete(calledKey(server, folded));
      if (about?.person !== undefined) hub.lostMembers.forget(name, about.person);
    }
    for (const news of memberNews?.() ?? []) told.push({ room, event: news, at });
    const isCome = event?.type === "joined" || event?.type === "left";
    const isNews = !isCome || wasThere !== room.has(folded);
    if (event === undefined || !isNews) continue;
    const persona = (about ?? before?.about)?.persona;
    for (const news of toldHere(hub, room, event, { member, wasThere })) {
      told.push({ room, event: { persona, ...news, author: authorOf(event) }, at });
    }
  }
  room.changedElsewhere();
  return told;
}

/** What the member has proved, as text to compare; undefined if there is no such member. */
function provenBy(member: Pick<ForeignMember, "about"> | undefined): string | undefined {
  return member && (member.about?.ids.join(" ") ?? "");
}

/** The event as the members here are told of it. */
function toldHere(
  hub: HubState,
  room: Room,
  event: PresenceEvent,
  { member, wasThere }: { member: Pick<ForeignMember, "about" | "rank">; wasThere: boolean },
): readonly PresenceEvent[] {
  switch (event.type) {
    case "renamed":
      return renamedIn(hub, room, event, wasThere);
    case "mode":
      return untold(room, event);
    case "away":
      // Another connection of theirs may be the one that counts.
      return shownAway(hub, room, fold(event.name)) === event.away ? [event] : [];
    case "joined": {
      // The server that they joined may have an outdated list of operators.
      const { rank: _, ...joined } = event;
      return [{ ...joined, ...shownRank(rankElsewhere(hub, [member], room.name)) }];
    }
    default:
      return [event];
  }
}

/** The changes that were not told yet with the stored settings. */
function untold(room: Room, event: ModeEvent): readonly ModeEvent[] {
  const changes = room.told?.add(event.changes) ?? event.changes;
  return changes.length === 0 ? [] : [{ ...event, changes }];
}

/** Tells the members how the stored settings differ from those that they were told of. */
export function tellSettings(hub: HubState, room: Room): void {
  const changes = room.told?.look(hub.rights.rooms.of(room.name)) ?? [];
  if (changes.length > 0) hub.announce(room, changedByServer(room.name, changes));
}

/** Whether they may return, as far as is known here: they may connect to this server next. */
function noteLeft(
  hub: HubState,
  room: Room,
  { about, rank }: Partial<ForeignMember> = {},
  reason: LeaveReason,
): void {
  if (about?.person === undefined) return;
  // The host stands for their network.
  const owner = ownerOfKept([about.persona.host]);
  if (reason === "lost" || reason === "slow") rememberLost(hub, room, about.person, rank, owner);
  else hub.lostMembers.forget(room.name, about.person);
}

/** One number for each event in several rooms that no event here has. */
function withOwnNumbers(hub: HubState, news: readonly News[]): readonly News[] {
  const own = new Map<number, number>();
  return news.map(({ room, event }) => {
    const { once = 0 } = event;
    if (once === 0) return { room, event };
    const number = own.get(once) ?? hub.pipeline.nextOrder();
    own.set(once, number);
    return { room, event: { ...event, once: number } };
  });
}

/**
 * Tells the rooms immediately, unless an earlier event on this server is still waiting to be told:
 * somebody may have left this server and rejoined on another.
 */
function deliverPresence(hub: HubState, news: readonly News[]): void {
  const told = news.flatMap(({ room, event }) =>
    inThisRoom(hub, room, event).map((shown) => ({ room, event: shown })),
  );
  const mustWait = ({ room, event }: News) => hub.pipeline.precedes(room, event);
  // What some dialects tell once is not told now in one room and later in another.
  const waiting = new Set(told.filter(mustWait).map(({ event }) => event.once));
  const now = told.filter((item) => {
    const { room, event } = item;
    const isLater = mustWait(item) || (spansRooms(event) && waiting.has(event.once));
    if (isLater) announceLater(hub, room, event);
    return !isLater;
  });
  deliverForeign(hub, now);
}

/**
 * Session numbers of other servers are meaningless here; 0 stands for the server's own terminal.
 */
function authorOf({ author }: PresenceEvent): number {
  return author === 0 ? 0 : -1;
}

function joined(hub: HubState, room: Room, member: ForeignMember): PresenceEvent {
  const { name, about } = member;
  const persona = about?.persona;
  const rank = shownRank(rankOf(hub, room, member.folded));
  return { type: "joined", room: room.name, name, alias: undefined, author: -1, persona, ...rank };
}

// Some dialects tell these without naming the room: their numbers keep them in order with what is
// told in other rooms.

function left(hub: HubState, { name: room }: Room, { name, about }: ForeignMember): PresenceEvent {
  const more = { author: -1, persona: about?.persona, once: hub.pipeline.nextOrder() };
  return { type: "left", room, name, alias: undefined, reason: "lost", ...more };
}

function renamed(
  hub: HubState,
  { name: room }: Room,
  { name: from, about }: ForeignMember,
  { name: to }: ForeignMember,
): PresenceEvent {
  const more = { author: -1, persona: about?.persona, once: hub.pipeline.nextOrder() };
  return { type: "renamed", room, from, to, ...more };
}

function away(
  hub: HubState,
  { name: room }: Room,
  { name, about }: ForeignMember,
): PresenceEvent | undefined {
  if (about?.away === undefined) return undefined;
  const more = { author: -1, persona: about?.persona, once: hub.pipeline.nextOrder() };
  return { type: "away", room, name, away: about?.away, ...more };
}
