// Who is here, who was, who arrives and leaves, and what people say about themselves.

import { lookElsewhere, reviewElsewhere } from "./comings.ts";
import { isLoopback } from "../../addresses.ts";
import { people as limits } from "../../limits.ts";
import { beginning, harmless } from "../../text.ts";
import { expel } from "../disconnect.ts";
import { tellCensus } from "./census.ts";
import { findElsewhere, mayBeElsewhere } from "../elsewhere/find-elsewhere.ts";
import { people } from "./find-people.ts";
import type { HubState } from "../hub-state.ts";
import { readPastPrivate } from "../private/mail-history.ts";
import { proveMembership } from "../login/membership-proof.ts";
import { roomsOf } from "../rooms/membership.ts";
import { fold } from "../names/grammar.ts";
import { withOverview } from "../elsewhere/overview.ts";
import type { PeopleCommand } from "./people-events.ts";
import { refuseIfOverfull, reject, rejectUnknownUser, rejectUnread } from "../rejections.ts";
import { motdOf, tellMotd } from "../rooms/room-access.ts";
import { idsOf, silenceIn, speechProblem } from "../rooms/room-rights.ts";
import { announceEverywhere, shareMember } from "../elsewhere/share-presence.ts";
import type { Session } from "../session.ts";
import { tellPersona } from "./tell-persona.ts";
import { askStore } from "../turn/store-queries.ts";
import { banOf, banText, muteText, suspectOf } from "../suspect.ts";

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
  census: (hub, session, { ref }) =>
    withOverview(hub, session, () => tellCensus(hub, session, ref)),
  motd(hub, session, { ref }) {
    session.queue.charge(motdOf(hub).length, hub.options.rates, hub.nowMs);
    tellMotd(hub, session, false, ref);
  },
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
  "past-private": readPastPrivate,
};

/** Verifies an account; after a failure, all names look the same. */
function authenticate(hub: HubState, session: Session, command: Of<"authenticate">): void {
  const { account: name, password, ref } = command;
  const { tls, address } = session.peer;
  if (tls !== true && !isLoopback(address)) {
    const message = "Passwords are accepted over TLS alone: somebody in between could read them";
    return reject(hub, session, "tls-required", message, { ref });
  }
  const proof = { type: "login", name, password } as const;
  proveMembership(hub, session, proof, (problem) => {
    if (session.hasEnded) return;
    if (problem !== undefined) {
      const message = "The name or the password is wrong";
      if (problem.why === "stranger")
        return reject(hub, session, "wrong-password", message, { ref });
      return reject(hub, session, problem.refusal.code, problem.refusal.message, { ref });
    }
    askStore(hub, session, { type: "find-account", lookup: { name: fold(name) } }, (found) => {
      const account = found.done ? found.result : undefined;
      accept(hub, session, account?.name ?? name, command);
    });
  });
}

function accept(
  hub: HubState,
  session: Session,
  account: string,
  { ref }: Of<"authenticate">,
): void {
  const ban = banOf(hub, suspectOf(session));
  if (ban !== undefined) return expel(hub, session, "banned", banText(ban));
  const { door } = hub.options;
  // The account proves membership; the server password is required in addition.
  if (door.isMembersOnly && door.checkPassword === undefined) session.admit();
  session.person.describe({ accountName: account });
  const isOperator = hub.rights.roles.isOperator(idsOf(session));
  hub.send(session, { type: "authenticated", account, isOperator, ref });
  tellPersona(hub, session, "account");
}

function describe(hub: HubState, session: Session, command: Of<"describe">): void {
  const { person } = session;
  const { ref } = command;
  const muted = muteText(hub, session);
  if (muted !== undefined && (command.away ?? command.realName ?? "") !== "") {
    return reject(hub, session, "muted", muted, { ref });
  }
  if (refuseIfOverfull(hub, session, { ref })) return;
  person.isHidden = command.isHidden ?? person.isHidden;
  if (command.isBot !== undefined) person.describe({ isBot: command.isBot });
  if (command.isHidden !== undefined || command.isBot !== undefined) {
    hub.list(session.identity.folded);
    for (const room of roomsOf(hub, session)) shareMember(hub, session, room, undefined);
  }
  if (command.realName !== undefined) {
    person.describe({ realName: beginning(harmless(command.realName), limits.maxNoteChars) });
    tellPersona(hub, session, "real-name");
  }
  if (command.away !== undefined) setAway(hub, session, command.away);
  const { away, isBot, isHidden } = person;
  const persona = hub.personas.of(session);
  hub.send(session, { type: "described", away, isBot, isHidden, persona, ref });
}

/**
 * Marks a user as away, or as back if the text is empty, and notifies the rooms. It applies to all
 * of the user's devices on this server.
 */
export function setAway(hub: HubState, session: Session, text: string): void {
  const note = beginning(harmless(text), limits.maxNoteChars) || undefined;
  const devices = hub.names.devices(session).filter(({ person }) => person.away !== note);
  if (devices.length === 0) return;
  for (const { person } of devices) person.away = note;
  hub.list(session.identity.folded);
  const rooms = new Map(
    devices.flatMap((device) => roomsOf(hub, device).map((room) => [room, device])),
  );
  session.queue.chargeRooms(rooms.size, hub.options.rates, hub.nowMs);
  const persona = hub.personas.shown(session);
  const about = { name: session.name, author: session.id, persona, once: hub.pipeline.nextOrder() };
  for (const [room, device] of rooms) {
    const isSilent = note !== undefined && silenceIn(hub, device, room.name) !== undefined;
    const event = { type: "away", room: room.name, away: note, ...about } as const;
    if (!isSilent) hub.announce(room, event);
    shareMember(hub, device, room, isSilent ? undefined : event);
  }
}

function watch(hub: HubState, session: Session, command: Of<"watch">): void {
  const { names, ref } = command;
  const refused = names.filter((name) => !hub.watches.add(session, name));
  const away = names.map(fold).filter((folded) => hub.names.holder(folded) === undefined);
  const { news } = hub.watches;
  const before = new Set(away.filter((folded) => hub.watches.elsewhere.has(folded)));
  findElsewhere(hub, session, away, (others, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    const here: { name: string; persona: ReturnType<typeof hub.personas.shown> }[] = [];
    const gone: string[] = [];
    const isOld = hub.watches.news !== news;
    // This answer also tells the other watchers of these names what a lost notification did not.
    const asked = isOld ? others.map(({ folded }) => folded) : away;
    reviewElsewhere(hub, asked, others, session);
    for (const name of names) {
      if (refused.includes(name)) continue;
      const folded = fold(name);
      const holder = hub.names.holder(folded);
      const elsewhere = others.find((one) => one.folded === folded);
      const isThere = hub.watches.elsewhere.has(folded);
      if (holder !== undefined)
        here.push({ name: holder.name, persona: hub.personas.shown(holder) });
      else if (elsewhere !== undefined)
        here.push({ name: elsewhere.name, persona: elsewhere.about.persona });
      else if (!isThere) gone.push(name);
      // Arrivals since the store was asked have been announced.
      else if (before.has(folded)) here.push({ name, persona: undefined });
    }
    hub.send(session, { type: "watched", here, gone, refused, ref });
    if (isOld) for (const name of names) lookElsewhere(hub, fold(name), name);
  });
}

function signal(hub: HubState, session: Session, command: Of<"signal">): void {
  const { to, isRoom, tags, ref } = command;
  const muted = muteText(hub, session);
  if (muted !== undefined) return reject(hub, session, "muted", muted, { ref });
  if (refuseIfOverfull(hub, session, { ref })) return;
  const persona = hub.personas.shown(session);
  const from = session.name;
  const id = hub.pipeline.nextOrder();
  const timeMs = hub.stampMs;
  if (isRoom) {
    const problem = speechProblem(hub, session, fold(to));
    if (problem !== undefined) {
      return reject(hub, session, problem.code, problem.message, { ref, subject: to });
    }
    const room = hub.rooms.get(fold(to));
    if (room === undefined) throw new Error(`A room '${to}' to speak in is not open`);
    const about = { room: room.name, author: session.id, persona };
    announceEverywhere(hub, room, { type: "signal", from, tags, id, ...about });
    return hub.send(session, { type: "signalled", to, isRoom, tags, timeMs, id, ref });
  }
  findElsewhere(hub, session, mayBeElsewhere(hub, [to]), (elsewhere, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    const since = muteText(hub, session);
    if (since !== undefined) return reject(hub, session, "muted", since, { ref });
    const here = hub.names.holder(fold(to));
    if (here === undefined && elsewhere.length === 0) {
      return rejectUnknownUser(hub, session, to, { ref });
    }
    for (const one of here === undefined ? [] : hub.names.devices(here)) {
      hub.send(one, { type: "signal", from, persona, to, isRoom, tags, timeMs, id });
    }
    for (const { server, folded } of elsewhere) {
      const content = { from, persona, shown: to, tags, timeMs };
      hub.signal(server, { type: "tags", to: folded, ...content });
    }
    hub.send(session, { type: "signalled", to, isRoom, tags, timeMs, id, ref });
  });
}
