// Who is here, who was, who comes and goes, and what one says about oneself.

import { isLoopback } from "../addresses.ts";
import { people as limits } from "../limits.ts";
import { harmless } from "../text.ts";
import type { Account } from "./account-store.ts";
import { tellCensus } from "./census.ts";

import type { HubState } from "./hub-state.ts";
import { matchesMask } from "./mask.ts";
import { proveMembership } from "./membership-proof.ts";
import { roomsOf } from "./membership.ts";
import { fold } from "./names/grammar.ts";
import { maskOf } from "./persona.ts";
import type { PeopleCommand, PersonInfo } from "./people-events.ts";
import { reject, rejectUnknownUser } from "./rejections.ts";
import { isAtLeast } from "./rights/roles.ts";
import { mayEnter, tellMotd } from "./room-access.ts";
import { idsOf, maySee, rankIn } from "./room-rights.ts";
import type { Session } from "./session.ts";
import { StoreQueries } from "./store-queries.ts";
import { muteText } from "./suspect.ts";

type Of<T extends PeopleCommand["type"]> = Extract<PeopleCommand, { type: T }>;
type Handlers = {
  [K in PeopleCommand["type"]]: (hub: HubState, session: Session, command: Of<K>) => void;
};

export const peopleHandlers: Handlers = {
  authenticate,
  describe,
  people,
  "former-people"(hub, session, { name, limit, ref }) {
    const people = hub.formerPeople.named(name, limit);
    hub.send(session, { type: "former-people", name, people, ref });
  },
  census: (hub, session, { ref }) => tellCensus(hub, session, ref),
  motd: (hub, session, { ref }) => tellMotd(hub, session, ref),
  watch,
  unwatch(hub, session, { names, ref }) {
    if (names === "all") hub.watches.clear(session);
    else for (const name of names) hub.watches.remove(session, name);
    hub.send(session, { type: "done", ref });
  },
  watched(hub, session, { isStatus, ref }) {
    if (isStatus)
      return watch(hub, session, { type: "watch", names: hub.watches.of(session), ref });
    hub.send(session, { type: "watch-list", names: hub.watches.of(session), ref });
  },
  signal,
};

/** Proves an account; to whoever fails all names are the same. */
function authenticate(hub: HubState, session: Session, command: Of<"authenticate">): void {
  const { account: name, password, ref } = command;
  const { tls, address } = session.peer;
  if (tls !== true && !isLoopback(address)) {
    const message = "Passwords are taken over TLS alone: somebody in between could read them";
    return reject(hub, session, "tls-required", message, { ref });
  }
  const proof = { type: "login", name, password } as const;
  proveMembership(hub, session, proof, (problem) => {
    if (session.phase === "ending" || session.phase === "gone") return;
    if (problem !== undefined) {
      const message = "The name or the password is wrong";
      if (problem.why === "stranger")
        return reject(hub, session, "wrong-password", message, { ref });
      return reject(hub, session, problem.denial.code, problem.denial.message, { ref });
    }
    let found: Account | undefined;
    const queries = new StoreQueries(hub, session);
    queries.ask<Account | undefined>(
      (then) => hub.store.findAccount({ name: fold(name) }, then),
      (account) => (found = account),
    );
    queries.whenAnswered(() => accept(hub, session, found?.name ?? name, command));
  });
}

function accept(
  hub: HubState,
  session: Session,
  account: string,
  { ref }: Of<"authenticate">,
): void {
  const { door, rights } = hub.options;
  // The account says that it is a member; a password of the server is asked for besides.
  if (door.isMembersOnly && door.checkPassword === undefined) session.isAdmitted = true;
  session.person.accountName = account;
  const isOperator = isAtLeast(rights.roles.rankOf(idsOf(session)), "operator");
  hub.send(session, { type: "authenticated", account, isOperator, ref });
  if (session.phase === "member") personaChanged(hub, session, "account");
}

/** Tells the rooms of the session, and itself. */
function personaChanged(hub: HubState, session: Session, what: "account" | "real-name"): void {
  session.person.persona = undefined;
  const persona = hub.personas.shown(session);
  if (persona === undefined) return;
  const { name } = session;
  const once = hub.pipeline.nextOrder();
  for (const room of roomsOf(hub, session)) {
    hub.announce(room, { type: what, room: room.name, name, author: session.id, persona, once });
  }
  hub.send(session, { type: "persona", name, persona });
}

function describe(hub: HubState, session: Session, command: Of<"describe">): void {
  const { person } = session;
  const { ref } = command;
  const muted = muteText(hub, session);
  if (muted !== undefined && (command.away ?? command.realName ?? "") !== "") {
    return reject(hub, session, "muted", muted, { ref });
  }
  person.isHidden = command.isHidden ?? person.isHidden;
  if (command.isBot !== undefined) {
    person.isBot = command.isBot;
    person.persona = undefined;
  }
  if (command.realName !== undefined) {
    person.realName = harmless(command.realName).slice(0, limits.maxNoteChars);
    personaChanged(hub, session, "real-name");
  }
  if (command.away !== undefined) setAway(hub, session, command.away);
  const { away, isBot, isHidden } = person;
  const persona = hub.personas.of(session);
  hub.send(session, { type: "described", away, isBot, isHidden, persona, ref });
}

/** Notes that somebody is away, or with an empty text back, and tells the rooms. */
export function setAway(hub: HubState, session: Session, text: string): void {
  const { person, name } = session;
  const note = harmless(text).slice(0, limits.maxNoteChars);
  const before = person.away;
  person.away = note === "" ? undefined : note;
  if (person.away === before) return;
  const persona = hub.personas.shown(session);
  const about = { author: session.id, persona, once: hub.pipeline.nextOrder() };
  for (const room of roomsOf(hub, session)) {
    hub.announce(room, { type: "away", room: room.name, name, away: person.away, ...about });
  }
}

function people(hub: HubState, session: Session, { by, ref }: Of<"people">): void {
  const missing: string[] = [];
  const found: Session[] = [];
  if ("names" in by) {
    for (const name of by.names) {
      const holder = hub.names.holder(fold(name));
      if (holder === undefined) missing.push(name);
      else found.push(holder);
    }
  } else if ("room" in by) {
    const room = hub.rooms.get(fold(by.room));
    if (
      room !== undefined &&
      mayEnter(hub, session, room.name) &&
      maySee(hub, session, room.name)
    ) {
      for (const folded of room.roster.keys()) {
        const holder = hub.names.holder(folded);
        if (holder !== undefined) found.push(holder);
        if (found.length >= limits.maxFound) break;
      }
    }
  } else {
    // Who finds nobody has made the server look all the same.
    const looked = hub.names.size * limits.searchedChars;
    session.queue.charge(looked, hub.options.rates, hub.nowMs);
    for (const one of hub.names.members()) {
      if (hub.names.holder(one.identity.folded) !== one || !isFound(hub, session, one, by.mask)) {
        continue;
      }
      found.push(one);
      if (found.length >= limits.maxFound) break;
    }
  }
  const room = "room" in by ? fold(by.room) : undefined;
  const people = found.map((one) => infoOf(hub, session, one, room));
  const asked = room === undefined ? by : { room };
  hub.send(session, { type: "people", by: asked, people, missing, ref });
}

function isFound(hub: HubState, asker: Session, one: Session, mask: string): boolean {
  if (mask.length > limits.maxSearchChars) return false;
  const persona = hub.personas.of(one);
  const { folded } = one.identity;
  const isMatch = mask.includes("@")
    ? matchesMask(mask.includes("!") ? mask : `*!${mask}`, maskOf(folded, persona))
    : [folded, persona.user, persona.host, persona.realName].some((text) =>
        matchesMask(mask, text),
      );
  if (!isMatch) return false;
  // Who knows the name needs no search.
  if (fold(mask) === folded) return true;
  if (!one.person.isHidden || one === asker) return true;
  return [...one.rooms].some(({ room }) => asker.rooms.has(room));
}

function infoOf(hub: HubState, asker: Session, one: Session, room: string | undefined): PersonInfo {
  const { person } = one;
  const isHidden = person.isHidden && one !== asker;
  const rooms: { room: string; isOperator: boolean; isVoiced: boolean }[] = [];
  for (const membership of one.rooms) {
    const isShared = asker.rooms.has(membership.room);
    if (!isShared && isHidden) continue;
    const isKnown = mayEnter(hub, asker, membership.room) && maySee(hub, asker, membership.room);
    if (isKnown) rooms.push({ room: membership.room, ...rankIn(hub, one, membership.room) });
  }
  const lastMs = person.spokeMs === 0 ? hub.nowMs - (hub.stampMs - person.sinceMs) : person.spokeMs;
  return {
    name: one.name,
    persona: hub.personas.of(one),
    isOperator: isAtLeast(hub.options.rights.roles.rankOf(idsOf(one)), "operator"),
    isHidden: person.isHidden,
    away: person.away,
    isSecure: one.peer.tls === true,
    idleMs: Math.max(0, hub.nowMs - lastMs),
    sinceMs: person.sinceMs,
    rooms,
    rank: room === undefined ? undefined : rankIn(hub, one, room),
  };
}

function watch(hub: HubState, session: Session, { names, ref }: Of<"watch">): void {
  const here: { name: string; persona: ReturnType<typeof hub.personas.shown> }[] = [];
  const gone: string[] = [];
  const refused: string[] = [];
  for (const name of names) {
    if (!hub.watches.add(session, name)) refused.push(name);
    else {
      const holder = hub.names.holder(fold(name));
      if (holder === undefined) gone.push(name);
      else here.push({ name: holder.name, persona: hub.personas.shown(holder) });
    }
  }
  hub.send(session, { type: "watched", here, gone, refused, ref });
}

function signal(hub: HubState, session: Session, command: Of<"signal">): void {
  const { to, isRoom, tags, ref } = command;
  const muted = muteText(hub, session);
  if (muted !== undefined) return reject(hub, session, "muted", muted, { ref });
  const persona = hub.personas.shown(session);
  const from = session.name;
  const id = hub.pipeline.nextOrder();
  const timeMs = hub.stampMs;
  if (isRoom) {
    const room = session.rooms.has(fold(to)) ? hub.rooms.get(fold(to)) : undefined;
    if (room === undefined) {
      const message = `You are not in the room ${to}: join it first`;
      return reject(hub, session, "not-in-room", message, { ref, subject: to });
    }
    const about = { room: room.name, author: session.id, persona };
    hub.announce(room, { type: "signal", from, tags, id, ...about });
  } else {
    const holder = hub.names.holder(fold(to));
    if (holder === undefined) return rejectUnknownUser(hub, session, to, { ref });
    for (const one of [holder, ...hub.names.otherDevices(holder)]) {
      hub.send(one, { type: "signal", from, persona, to, isRoom, tags, timeMs, id });
    }
  }
  hub.send(session, { type: "signalled", to, isRoom, tags, timeMs, id, ref });
}
