// Events from other servers that use the same store, for people who are connected here: messages,
// arrivals and departures, mail, sessions that have moved, operators' decisions.

import { deliverForeign } from "../turn/delivery.ts";
import type { Account, AccountChange } from "../accounts/account-store.ts";
import { type ForeignComing, noteElsewhere, reviewElsewhere } from "../people/comings.ts";
import { dropAsLost, endSession, expel, replaceSession } from "../disconnect.ts";
import type { LeaveReason, PresenceEvent, PrivateMessage } from "../events.ts";
import type { ForeignPerson } from "./foreign-person.ts";
import type { ForeignMember } from "./foreign-roster.ts";
import type { HubSignal } from "./hub-signal.ts";
import type { HubState } from "../hub-state.ts";
import { handlePersonSignal } from "./person-signals.ts";
import { handleChatSignal, loseServer } from "../private/private-chat.ts";
import { calledKey } from "../rooms/call-into.ts";
import { fold } from "../names/grammar.ts";
import { spansRooms } from "../rooms/presence.ts";
import type { Room } from "../rooms/room.ts";
import type { SaidRun } from "../rooms/said-run.ts";
import { mayBeOf, type Session } from "../session.ts";
import type { PresenceChange } from "../turn/store.ts";
import { banOf, banText, suspectOf } from "../suspect.ts";
import { reclaimCalls } from "../offers/call-commands.ts";
import { reclaimCodes } from "../offers/code-commands.ts";
import { putOutOfPrivate, tellErased } from "../rooms/room-access.ts";
import type { SharedCharge } from "../rates/shared-charges.ts";
import { ownerAt } from "../../share-owner.ts";
import { announceLater, renamedIn, shownRank } from "../rooms/membership.ts";
import { changedByServer, type ModeEvent } from "../rooms/presence.ts";
import type { RoomChange } from "../rooms/room-change.ts";
import { rankElsewhere, rememberLost } from "../rooms/room-rights.ts";
import { afterChange, changesBetween, isSettings, toldOf } from "../rooms/told-settings.ts";
import type { RightsRow } from "../rights/rights-rows.ts";

/** How far the hub knows a room: its last message, and its last presence change. */
export type RoomPosition = { readonly seq: number; readonly presence: number };

/** The hub as seen by the code that follows other servers. */
export interface SharedHub {
  handleForeign(event: ForeignEvent): void;
  /** Undefined if the room is not open. */
  positionIn(room: string): RoomPosition | undefined;
  openRooms(): readonly string[];
  /** Folded names whose holders the hub wants to know. */
  watchedNames(): readonly string[];
  /** IDs of other servers whose end the hub wants to know. */
  watchedServers(): readonly string[];
  /** Mailboxes of people who are connected here, with the last known number. */
  openMailboxes(): readonly (readonly [mailbox: string, mail: number])[];
}

/** Presence changes of a room that lead to its `version`. */
export type RoomPresence = {
  readonly room: string;
  readonly version: number;
  readonly changes: readonly PresenceChange[];
};

/** Something that happened on another server. */
export type ForeignEvent =
  /** Messages committed by other servers, or by this one and not delivered yet. */
  | { readonly type: "said"; readonly room: string; readonly runs: readonly SaidRun[] }
  /** Messages up to `seq` are no longer kept. */
  | { readonly type: "skipped"; readonly room: string; readonly seq: number }
  /** Presence changes of one server in several rooms, all from one commit. */
  | {
      readonly type: "presence";
      readonly server: string;
      readonly rooms: readonly RoomPresence[];
    }
  /** Everybody who is in a room through other servers. */
  | {
      readonly type: "roster";
      readonly room: string;
      readonly version: number;
      readonly members: readonly ForeignMember[];
    }
  /** A mailbox has messages up to this number. */
  | { readonly type: "mail"; readonly mailbox: string; readonly mail: number }
  /** A private message for a connection without a mailbox; `to` is `#` and its number. */
  | { readonly type: "letter"; readonly to: string; readonly message: PrivateMessage }
  /** Who has connected to another server or disconnected from it. */
  | { readonly type: "people"; readonly people: readonly ForeignComing[] }
  /** Among these watched folded names, `people` are on other servers now. */
  | {
      readonly type: "watched";
      readonly names: readonly string[];
      readonly people: readonly ForeignPerson[];
    }
  /** Something for individual people here, from one server. */
  | { readonly type: "signal"; readonly server: string; readonly signal: HubSignal }
  /** That server has ended: its people are disconnected. */
  | { readonly type: "server-over"; readonly server: string }
  /** The session with this record is now connected to another server. */
  | { readonly type: "moved"; readonly session: string; readonly claim: number }
  /** It has moved, and its messages from here, under that claim number, can't be stored. */
  | { readonly type: "outdated"; readonly session: string; readonly claim: number }
  /** All operators' decisions so far. */
  | { readonly type: "rights"; readonly rows: readonly RightsRow[] }
  /** Everything that notifications may have missed has been read. Comes every second. */
  | { readonly type: "looked" }
  /** How an account was changed. */
  | { readonly type: "account"; readonly account: string; readonly change: AccountChange["type"] }
  /** Guesses and registrations there, which count here too. */
  | { readonly type: "charged"; readonly charges: readonly SharedCharge[] }
  /** The text of a message was deleted. */
  | { readonly type: "erased"; readonly room: string; readonly seq: number }
  /**
   * This server was without the store for so long that the others consider its people disconnected.
   * They must reconnect, here or elsewhere.
   */
  | { readonly type: "fenced"; readonly reason: string };

type Handlers = {
  [K in ForeignEvent["type"]]: (hub: HubState, event: Extract<ForeignEvent, { type: K }>) => void;
};

const handlers: Handlers = {
  said(hub, { room: name, runs }) {
    const room = hub.rooms.get(name);
    if (room === undefined) return;
    const fresh = runs.filter(({ seq }) => seq > room.seq);
    // The missing messages in between are read, and these with them.
    if (fresh[0] === undefined || fresh[0].seq > room.seq + 1) return;
    for (const run of fresh) {
      run.persona ??= room.elsewhere?.get(fold(run.from))?.about?.persona;
    }
    deliverForeign(
      hub,
      fresh.map((event) => ({ room, event })),
    );
  },
  skipped(hub, { room: name, seq }) {
    const room = hub.rooms.get(name);
    if (room !== undefined) room.seq = Math.max(room.seq, seq);
  },
  presence(hub, { server, rooms }) {
    const news = rooms.flatMap((presence) => newsOf(hub, server, presence));
    deliverPresence(
      hub,
      withOwnNumbers(
        hub,
        news.toSorted((a, b) => a.at - b.at),
      ),
    );
  },
  roster(hub, { room: name, version, members }) {
    const room = hub.rooms.get(name);
    if (room?.elsewhere === undefined || version < room.elsewhere.version) return;
    room.elsewhere.version = version;
    const { added, removed, kept } = room.elsewhere.replace(members);
    room.changedElsewhere();
    const isForeign = ({ folded }: ForeignMember) => !room.roster.has(folded);
    const told = [
      ...removed.filter(isForeign).map((member) => left(room, member)),
      ...added
        .filter(isForeign)
        .flatMap((member) => [joined(hub, room, member), away(room, member)]),
      ...kept.flatMap(([before, now]) => [
        before.name === now.name ? undefined : renamed(room, before, now),
        before.about?.away === now.about?.away ? undefined : away(room, now, true),
        isForeign(now) ? ranked(hub, room, before, now) : undefined,
      ]),
    ].flatMap((event) => event ?? []);
    deliverPresence(
      hub,
      told.map((event) => ({ room, event })),
    );
  },
  mail(hub, { mailbox, mail }) {
    for (const session of hub.names.readers(mailbox)) {
      const isNew = session.mailbox.arrivedElsewhere(mail);
      if (!isNew || session.phase !== "member" || session.awaitsWelcome) continue;
      hub.schedule.replaying.add(session);
      hub.wake();
    }
  },
  letter(hub, { to, message }) {
    const session = hub.names.byKey(to);
    if (session === undefined) return;
    hub.send(session, message);
  },
  people(hub, { people }) {
    noteElsewhere(hub, people);
  },
  watched(hub, { names, people }) {
    reviewElsewhere(hub, names, people);
  },
  signal(hub, { server, signal }) {
    if (signal.type === "chat") handleChatSignal(hub, server, signal);
    else handlePersonSignal(hub, signal);
  },
  "server-over"(hub, { server }) {
    loseServer(hub, server);
  },
  moved(hub, { session: id, claim }) {
    const entering = hub.names.entering(id);
    if (entering !== undefined) {
      entering.claimedElsewhere = Math.max(entering.claimedElsewhere, claim);
    }
    const session = hub.names.byKey(id);
    // The session may have returned since.
    const isOlder = session?.claim !== undefined && session.claim < claim;
    if (session?.phase === "member" && isOlder) replaceSession(hub, session, new Set());
  },
  outdated(hub, { session: id, claim }) {
    const session = hub.names.byKey(id);
    if (session?.phase !== "member" || session.claim !== claim) return;
    dropAsLost(hub, session, "The session is connected to another server: connect again");
  },
  rights(hub, { rows }) {
    const { rights } = hub.options;
    const topics = new Map(
      [...hub.rooms.keys()].map((room) => [room, rights.rooms.of(room).topic]),
    );
    rights.replace(rows);
    for (const session of hub.sessions) {
      const ban = banOf(hub, suspectOf(session));
      if (ban !== undefined) expel(hub, session, "banned", banText(ban));
    }
    for (const [room, before] of topics) {
      const { topic, topicBy: name } = rights.rooms.of(room);
      putOutOfPrivate(hub, room);
      if (topic === before) continue;
      const by = { name, persona: hub.rooms.get(room)?.elsewhere?.get(fold(name))?.about?.persona };
      for (const session of membersOf(hub, room)) {
        hub.send(session, { type: "topic", room, topic, by }, "settled");
      }
    }
  },
  looked(hub) {
    for (const room of hub.rooms.values()) tellSettings(hub, room);
  },
  account(hub, { account: id, change }) {
    hub.store.findAccount({ id }, (outcome) => {
      if (outcome.done) putOutOfAccount(hub, id, change, outcome.result);
      else hub.options.log.warn(outcome.error.message);
    });
    hub.wake();
  },
  charged(hub, { charges }) {
    for (const charge of charges) {
      const { address } = charge;
      if (charge.what === "guess") hub.guessRates.handleGuessElsewhere(charge, hub.nowMs);
      else if (charge.what === "right") hub.guessRates.handleRightElsewhere(address, hub.nowMs);
      else hub.registrationRates.charge(ownerAt(address), hub.nowMs);
    }
  },
  erased(hub, { room, seq }) {
    tellErased(hub, room, seq);
  },
  fenced(hub, { reason }) {
    for (const session of hub.sessions) {
      // The contents of the welcome are no longer true.
      session.awaitsWelcome = false;
      if (session.phase === "member") dropAsLost(hub, session, reason);
      // What the client has been sent is no longer of any use.
      else if (session.phase === "entering") end(hub, session, reason);
    }
    reclaimCodes(hub);
    reclaimCalls(hub);
  },
};

export function handleForeign(hub: HubState, event: ForeignEvent): void {
  const handle = handlers[event.type] as (hub: HubState, event: ForeignEvent) => void;
  handle(hub, event);
}

export function positionIn(hub: HubState, name: string): RoomPosition | undefined {
  const room = hub.rooms.get(name);
  return room && { seq: room.seq, presence: room.elsewhere?.version ?? 0 };
}

/** Ends the sessions that may no longer act for the account. */
function putOutOfAccount(
  hub: HubState,
  id: string,
  change: AccountChange["type"],
  account: Account | undefined,
): void {
  for (const session of hub.sessions) {
    const { proven } = session;
    if (!mayBeOf(session, id)) continue;
    const device = account?.keys.find(({ key }) => key === proven.key);
    const isDevice = proven.isDevice || (session.phase === "entering" && device !== undefined);
    const isActive = device !== undefined && device.revokedMs === undefined;
    if (account === undefined)
      expel(hub, session, "kicked", "Your account was deleted by an operator");
    else if (isDevice && !isActive) end(hub, session, "This device may no longer use the name");
    else if (!isDevice && proven.isBearer !== true && change === "set-password") {
      end(hub, session, "The password was changed: log in again");
    }
  }
}

function end(hub: HubState, session: Session, reason: string): void {
  hub.send(session, { type: "bye", reason });
  endSession(hub, session);
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
    if (shown === undefined) {
      const left = room.elsewhere.all(folded).find((member) => member.server === server);
      room.elsewhere.remove({ server, folded });
      if (event?.type === "left") noteLeft(hub, room, left, event.reason);
    } else {
      room.elsewhere.add({ ...change, server, name: shown });
      room.called.delete(calledKey(server, folded));
      if (about?.person !== undefined) hub.lostMembers.forget(name, about.person);
    }
    const isCome = event?.type === "joined" || event?.type === "left";
    const isNews = !isCome || wasThere !== room.has(folded);
    if (event === undefined || !isNews) continue;
    const persona = (about ?? before?.about)?.persona;
    const news = toldHere(hub, room, event, { change, wasThere });
    if (news === undefined) continue;
    told.push({ room, event: { persona, ...news, author: authorOf(event) }, at });
  }
  room.changedElsewhere();
  return told;
}

/** The event as the members here are told of it, if they are. */
function toldHere(
  hub: HubState,
  room: Room,
  event: PresenceEvent,
  { change, wasThere }: { change: Pick<ForeignMember, "about" | "rank">; wasThere: boolean },
): PresenceEvent | undefined {
  switch (event.type) {
    case "renamed":
      return renamedIn(room, event, wasThere);
    case "mode":
      return untold(room, event);
    case "joined":
      return { ...event, ...shownRank(rankElsewhere(hub, change, room.name)) };
    default:
      return event;
  }
}

/** The changes that were not told yet with the stored settings. */
function untold(room: Room, event: ModeEvent): ModeEvent | undefined {
  const changes = event.changes.filter((change) => {
    if (!isSettings(change) || room.told === undefined) return true;
    const after = afterChange(room.told, change);
    room.told = after ?? room.told;
    return after !== undefined;
  });
  return changes.length === 0 ? undefined : { ...event, changes };
}

/**
 * Tells the members how the stored settings differ from those that they were told of, unless an
 * announcement may be on its way.
 */
function tellSettings(hub: HubState, room: Room): void {
  const settings = toldOf(hub.options.rights.rooms.of(room.name));
  const changes = changesBetween(room.told ?? settings, settings);
  const wasUntold = room.isUntold;
  room.isUntold = changes.length > 0 && !wasUntold;
  if (changes.length > 0 && !wasUntold) return;
  room.told = settings;
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
  if (reason === "lost" || reason === "slow") rememberLost(hub, room, about.person, rank);
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

/** Whoever goes on in other rooms has only left this one. */
function asLeft(hub: HubState, event: PresenceEvent): PresenceEvent {
  if (event.type !== "left" || event.reason === "kicked") return event;
  const folded = fold(event.name);
  const holder = hub.names.holder(folded);
  const here = holder === undefined ? [] : [holder, ...hub.names.otherDevices(holder)];
  const goesOn = here.some(({ rooms }) => rooms.size > 0) || hub.roomsElsewhere.has(folded);
  return goesOn ? { ...event, reason: "parted", once: 0 } : event;
}

/**
 * Tells the rooms at once, unless they are still to be told of an earlier event here: somebody may
 * have left this server, and be back at another.
 */
function deliverPresence(hub: HubState, news: readonly News[]): void {
  const told = news.map(({ room, event }) => ({ room, event: asLeft(hub, event) }));
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

function joined(hub: HubState, { name: room }: Room, member: ForeignMember): PresenceEvent {
  const { name, about } = member;
  const persona = about?.persona;
  const rank = shownRank(rankElsewhere(hub, member, room));
  return { type: "joined", room, name, alias: undefined, author: -1, persona, ...rank };
}

function left({ name: room }: Room, { name, about }: ForeignMember): PresenceEvent {
  const { persona } = about ?? {};
  return { type: "left", room, name, alias: undefined, reason: "lost", author: -1, persona };
}

function renamed({ name: room }: Room, from: ForeignMember, to: ForeignMember): PresenceEvent {
  const { persona } = from.about ?? {};
  return { type: "renamed", room, from: from.name, to: to.name, author: -1, persona };
}

/** The announcement of a rank was missed, and with it who changed the rank. */
function ranked(
  hub: HubState,
  room: Room,
  before: ForeignMember,
  now: ForeignMember,
): PresenceEvent | undefined {
  const was = rankElsewhere(hub, before, room.name);
  const is = rankElsewhere(hub, now, room.name);
  const changes: RoomChange[] = [];
  const { name } = now;
  if (was.isOperator !== is.isOperator) {
    changes.push({ what: "operator", name, isOn: is.isOperator });
  }
  if (was.isVoiced !== is.isVoiced) changes.push({ what: "voice", name, isOn: is.isVoiced });
  return changes.length === 0 ? undefined : changedByServer(room.name, changes);
}

/** `isBack`: also reports people who are no longer away. */
function away(
  { name: room }: Room,
  { name, about }: ForeignMember,
  isBack = false,
): PresenceEvent | undefined {
  if (about?.away === undefined && !isBack) return undefined;
  return { type: "away", room, name, away: about?.away, author: -1, persona: about?.persona };
}

function membersOf(hub: HubState, room: string): Session[] {
  return [...hub.names.members()].filter(({ rooms }) => rooms.has(room));
}
