// Events from other servers that use the same store, for people who are connected here: messages,
// arrivals and departures, mail, sessions that have moved, operators' decisions.

import { deliverForeign } from "../turn/delivery.ts";
import type { Account, AccountChange } from "../accounts/account-store.ts";
import { type ForeignComing, noteElsewhere, reviewElsewhere } from "../people/comings.ts";
import { dropAsLost, endSession, expel, replaceSession } from "../disconnect.ts";
import type { PrivateMessage } from "../events.ts";
import type { ForeignPerson } from "./foreign-person.ts";
import {
  type ForeignMembers,
  type ForeignPresence,
  handlePresence,
  handleRoster,
  tellSettings,
} from "./foreign-presence.ts";
import type { HubSignal } from "./hub-signal.ts";
import type { HubState } from "../hub-state.ts";
import { handlePersonSignal, resendSignals } from "./person-signals.ts";
import { handleChatSignal, loseServer } from "../private/private-chat.ts";
import { fold } from "../names/grammar.ts";
import { endNamesakes } from "../names/namesakes.ts";
import type { SaidRun } from "../rooms/said-run.ts";
import { mayBeOf, type Session } from "../session.ts";
import { banOf, banText, suspectOf } from "../suspect.ts";
import { reclaimCalls } from "../offers/call-commands.ts";
import { reclaimCodes } from "../offers/code-commands.ts";
import { followRecipients } from "../offers/offers-elsewhere.ts";
import { followOperators } from "../rooms/member-news.ts";
import { removeNonGuests, tellErased } from "../rooms/room-access.ts";
import type { SharedCharge } from "../rates/shared-charges.ts";
import { ownerAt } from "../../share-owner.ts";
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

/** Something that happened on another server. */
export type ForeignEvent =
  /** Messages committed by other servers, or by this one and not delivered yet. */
  | { readonly type: "said"; readonly room: string; readonly runs: readonly SaidRun[] }
  /** Messages up to `seq` are no longer kept. */
  | { readonly type: "skipped"; readonly room: string; readonly seq: number }
  | ForeignPresence
  | ForeignMembers
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
   * This server has lost its lease. The other servers consider its people disconnected: they must
   * reconnect, here or elsewhere.
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
  presence: handlePresence,
  roster: handleRoster,
  mail(hub, { mailbox, mail }) {
    for (const session of hub.names.readers(mailbox)) noteMail(hub, session, mail);
  },
  letter(hub, { to, message }) {
    const session = hub.names.byKey(to);
    if (session === undefined) return;
    hub.send(session, message);
  },
  people(hub, { people }) {
    noteElsewhere(hub, people);
    followRecipients(
      hub,
      people.filter(({ isHere }) => isHere).map(({ folded }) => folded),
    );
  },
  watched(hub, { names, people }) {
    reviewElsewhere(hub, names, people);
    followRecipients(
      hub,
      people.map(({ folded }) => folded),
    );
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
    const { rights } = hub;
    const topics = new Map(
      [...hub.rooms.keys()].map((room) => [room, rights.rooms.of(room).topic]),
    );
    const tellOperators = followOperators(hub);
    rights.replace(rows);
    for (const session of hub.sessions) {
      const ban = banOf(hub, suspectOf(session));
      if (ban !== undefined) expel(hub, session, "banned", banText(ban));
    }
    for (const [room, before] of topics) {
      const { topic, topicBy: name } = rights.rooms.of(room);
      removeNonGuests(hub, room);
      if (topic === before) continue;
      const by = { name, persona: hub.rooms.get(room)?.elsewhere?.get(fold(name))?.about?.persona };
      for (const session of membersOf(hub, room)) {
        hub.send(session, { type: "topic", room, topic, by }, "settled");
      }
    }
    tellOperators();
  },
  looked(hub) {
    const unread = [...hub.unreadAccounts.values()];
    hub.unreadAccounts.clear();
    for (const { account, change } of unread) followAccount(hub, account, change, () => {});
    resendSignals(hub);
    for (const room of hub.rooms.values()) tellSettings(hub, room);
  },
  account(hub, { account, change }) {
    followAccount(hub, account, change, (problem) => hub.log.warn(problem));
  },
  charged(hub, { charges }) {
    for (const charge of charges) {
      const { address } = charge;
      if (charge.what === "guess") hub.guessRates.handleGuessElsewhere(charge, hub.nowMs);
      else if (charge.what === "right") hub.guessRates.handleRightElsewhere(charge, hub.nowMs);
      else hub.registrationRates.charge(ownerAt(address), hub.nowMs);
    }
  },
  erased(hub, { room, seq }) {
    tellErased(hub, room, seq);
  },
  fenced(hub, { reason }) {
    for (const session of hub.sessions) {
      if (session.awaitsWelcome) {
        // The contents of the welcome are no longer true, and without it the rest says nothing.
        session.awaitsWelcome = false;
        hub.pipeline.forget(session);
      }
      if (session.phase === "member") dropAsLost(hub, session, reason);
      // What the client has been sent is no longer of any use.
      else if (session.phase === "entering") end(hub, session, reason);
    }
    reclaimCodes(hub);
    reclaimCalls(hub);
  },
};

/** The session's mailbox has messages up to `mail`, which another server may have stored. */
export function noteMail(hub: HubState, session: Session, mail: number): void {
  const isNew = session.mailbox.arrivedElsewhere(mail);
  if (!isNew || session.phase !== "member" || session.awaitsWelcome) return;
  hub.schedule.replaying.add(session);
  hub.wake();
}

export function handleForeign(hub: HubState, event: ForeignEvent): void {
  const handle = handlers[event.type] as (hub: HubState, event: ForeignEvent) => void;
  handle(hub, event);
}

export function positionIn(hub: HubState, name: string): RoomPosition | undefined {
  const room = hub.rooms.get(name);
  return room && { seq: room.seq, presence: room.elsewhere?.version ?? 0 };
}

/**
 * An account has changed: disconnects sessions that may no longer act for it. If the account can't
 * be read now, this is retried later.
 */
function followAccount(
  hub: HubState,
  account: string,
  change: AccountChange["type"],
  complain: (problem: string) => void,
): void {
  hub.noteAccountChanged(account);
  hub.store.ask({ type: "find-account", lookup: { id: account } }, (outcome) => {
    if (!outcome.done) {
      hub.unreadAccounts.set(`${change} ${account}`, { account, change });
      return complain(outcome.error.message);
    }
    endSessionsOf(hub, account, change, outcome.result);
    if (outcome.result !== undefined && change === "register") endNamesakes(hub, outcome.result);
  });
  hub.wake();
}

/** Ends the sessions that may no longer act for the account. */
function endSessionsOf(
  hub: HubState,
  id: string,
  change: AccountChange["type"],
  account: Account | undefined,
): void {
  for (const session of hub.sessions) {
    const { proven } = session;
    if (!mayBeOf(session, id)) continue;
    const device = account?.keys.find(({ key }) => key === proven.key);
    const isWaiting = session.phase === "entering" || session.registersAs === id;
    const isDevice = proven.isDevice || (isWaiting && device !== undefined);
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

function membersOf(hub: HubState, room: string): Session[] {
  return [...hub.names.members()].filter(({ rooms }) => rooms.has(room));
}
