// What other servers that use the same store have done, for the people who are connected here:
// messages, who comes and goes, mail, sessions that have moved, decisions of operators.

import { deliverForeign } from "./delivery.ts";
import type { Account, AccountChange } from "./account-store.ts";
import { dropAsLost, endSession, expel, replaceSession } from "./disconnect.ts";
import type { PresenceEvent, PrivateMessage } from "./events.ts";
import type { ForeignMember } from "./foreign-roster.ts";
import type { HubSignal } from "./hub-signal.ts";
import type { HubState } from "./hub-state.ts";
import { handleChatSignal, loseServer } from "./private-chat.ts";
import type { Room } from "./room.ts";
import type { SaidRun } from "./said-run.ts";
import type { Session } from "./session.ts";
import type { PresenceChange } from "./store.ts";
import { banOf, banText, suspectOf } from "./suspect.ts";
import type { RightsRow } from "./rights/rights-rows.ts";

/** How far the hub has come in a room: its last message, and the changes of who is there. */
export type RoomPosition = { readonly seq: number; readonly presence: number };

/** The hub, as far as other servers concern it. */
export interface SharedHub {
  handleForeign(event: ForeignEvent): void;
  /** Undefined: the room is not open. */
  positionIn(room: string): RoomPosition | undefined;
  openRooms(): readonly string[];
  /** Other servers, by their ID, of which it wants to know when they are over. */
  watchedServers(): readonly string[];
  /** Mailboxes of people who are connected here, with the last number that is known. */
  openMailboxes(): readonly (readonly [mailbox: string, mail: number])[];
}

/** What has happened elsewhere. */
export type ForeignEvent =
  /** Messages that were committed by other servers, or by this one and not delivered yet. */
  | { readonly type: "said"; readonly room: string; readonly runs: readonly SaidRun[] }
  /** Messages up to `seq` are not kept any more. */
  | { readonly type: "skipped"; readonly room: string; readonly seq: number }
  /** One server's changes of who is in a room, which make the room's `version`. */
  | {
      readonly type: "presence";
      readonly room: string;
      readonly version: number;
      readonly server: string;
      readonly changes: readonly PresenceChange[];
    }
  /** Everybody who is in a room by way of other servers. */
  | {
      readonly type: "roster";
      readonly room: string;
      readonly version: number;
      readonly members: readonly ForeignMember[];
    }
  /** A mailbox has messages up to this number. */
  | { readonly type: "mail"; readonly mailbox: string; readonly mail: number }
  /** A private message for a connection without a mailbox: `#` and its number. */
  | { readonly type: "letter"; readonly to: string; readonly message: PrivateMessage }
  /** Something for single people here, from one server. */
  | { readonly type: "signal"; readonly server: string; readonly signal: HubSignal }
  /** That server is over: its people are gone. */
  | { readonly type: "server-over"; readonly server: string }
  /** The session with this record is connected to another server now. */
  | { readonly type: "moved"; readonly session: string }
  /** All that operators have decided by now. */
  | { readonly type: "rights"; readonly rows: readonly RightsRow[] }
  /** How an account was changed. */
  | { readonly type: "account"; readonly account: string; readonly change: AccountChange["type"] }
  /** The text of a message was taken away. */
  | { readonly type: "erased"; readonly room: string; readonly seq: number }
  /**
   * This server was away from the store for so long that others have taken its people for gone.
   * They connect again, here or there.
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
    // What is missing in between is read, and these with it.
    if (fresh[0] === undefined || fresh[0].seq > room.seq + 1) return;
    deliverForeign(hub, room, fresh, []);
  },
  skipped(hub, { room: name, seq }) {
    const room = hub.rooms.get(name);
    if (room !== undefined) room.seq = Math.max(room.seq, seq);
  },
  presence(hub, { room: name, version, server, changes }) {
    const room = hub.rooms.get(name);
    // If others came in between, everybody is read again.
    if (room?.elsewhere === undefined || version !== room.elsewhere.version + 1) return;
    room.elsewhere.version = version;
    const told: PresenceEvent[] = [];
    for (const { folded, name: shown, event } of changes) {
      const wasThere = room.has(folded);
      if (shown === undefined) room.elsewhere.remove({ server, folded });
      else room.elsewhere.add({ server, folded, name: shown });
      const isNews = event?.type === "renamed" || wasThere !== room.has(folded);
      if (event !== undefined && isNews) told.push(event);
    }
    room.changedElsewhere();
    deliverForeign(hub, room, [], told);
  },
  roster(hub, { room: name, version, members }) {
    const room = hub.rooms.get(name);
    if (room?.elsewhere === undefined || version < room.elsewhere.version) return;
    room.elsewhere.version = version;
    const { added, removed } = room.elsewhere.replace(members);
    room.changedElsewhere();
    const isForeign = ([folded]: readonly [string, string]) => !room.roster.has(folded);
    const told = [
      ...removed.filter(isForeign).map(([, shown]) => left(room, shown)),
      ...added.filter(isForeign).map(([, shown]) => joined(room, shown)),
    ];
    deliverForeign(hub, room, [], told);
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
    if (session !== undefined) hub.send(session, message);
  },
  signal(hub, { server, signal }) {
    handleChatSignal(hub, server, signal);
  },
  "server-over"(hub, { server }) {
    loseServer(hub, server);
  },
  moved(hub, { session: id }) {
    const session = hub.names.byKey(id);
    if (session?.phase === "member") replaceSession(hub, session, new Set());
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
      const { topic } = rights.rooms.of(room);
      if (topic === before) continue;
      for (const session of membersOf(hub, room)) {
        hub.send(session, { type: "topic", room, topic }, "settled");
      }
    }
  },
  account(hub, { account: id, change }) {
    hub.store.findAccount({ id }, (outcome) => {
      if (outcome.done) putOutOfAccount(hub, id, change, outcome.result);
      else hub.options.log.warn(outcome.error.message);
    });
    hub.wake();
  },
  erased(hub, { room, seq }) {
    for (const session of membersOf(hub, room)) {
      hub.send(session, { type: "deleted", room, seq }, "settled");
    }
  },
  fenced(hub, { reason }) {
    for (const session of hub.sessions) {
      // What a welcome would say is not true any more.
      session.awaitsWelcome = false;
      if (session.phase === "member") dropAsLost(hub, session, reason);
      // What it has been told and given is of no use any more.
      else if (session.phase === "entering") end(hub, session, reason);
    }
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

/** Ends the sessions that may not act for the account any more. */
function putOutOfAccount(
  hub: HubState,
  id: string,
  change: AccountChange["type"],
  account: Account | undefined,
): void {
  const active = account?.keys.filter(({ revokedMs }) => revokedMs === undefined) ?? [];
  for (const session of hub.sessions) {
    const { proven } = session;
    if (proven.account !== id) continue;
    const isKnown = proven.isDevice && active.some(({ key }) => key === proven.key);
    if (account === undefined)
      expel(hub, session, "kicked", "Your account was deleted by an operator");
    else if (proven.isDevice && !isKnown)
      end(hub, session, "This device may no longer use the name");
    else if (!proven.isDevice && proven.isBearer !== true && change === "set-password") {
      end(hub, session, "The password was changed: log in again");
    }
  }
}

function end(hub: HubState, session: Session, reason: string): void {
  hub.send(session, { type: "bye", reason });
  endSession(hub, session);
}

function joined({ name: room }: Room, name: string): PresenceEvent {
  return { type: "joined", room, name, alias: undefined, author: 0 };
}

function left({ name: room }: Room, name: string): PresenceEvent {
  return { type: "left", room, name, alias: undefined, reason: "lost", author: 0 };
}

function membersOf(hub: HubState, room: string): Session[] {
  return [...hub.names.members()].filter(({ rooms }) => rooms.has(room));
}
