// Carries out changes to a room, and announces those that had an effect. Decisions of an operator
// who can be recognized later, by an account or a key, outlast the room; others end with it.

import { people as limits } from "../../limits.ts";
import { harmless, quoted } from "../../text.ts";
import type { HubState } from "../hub-state.ts";
import { wholeMask } from "../people/mask.ts";
import { fold, lobby } from "../names/grammar.ts";
import type { Changer } from "../people/persona.ts";
import type { RoomSettings } from "../rights/room-settings.ts";
import type { Refusal } from "../refusal.ts";
import { letterOf, type RoomChange } from "./room-change.ts";
import type { Room } from "./room.ts";
import { idsOf } from "./room-rights.ts";
import { isSettings } from "./told-settings.ts";
import { announceEverywhere, shareMember } from "../elsewhere/share-presence.ts";
import { personKey, type Session } from "../session.ts";

type RankChange = Extract<RoomChange, { what: "operator" | "voice" }>;
type ChangeRefusal = Refusal & { readonly subject: string };

/**
 * `problem`: why not all could be stored. `made`: what applies now, whether it did before or not.
 */
type Applied = { readonly problem: string | undefined; readonly made: readonly RoomChange[] };

/** `refuse`: called for each change that can't be made. */
export function applyChanges(
  hub: HubState,
  by: Changer,
  room: Room,
  changes: readonly RoomChange[],
  refuse: (refusal: ChangeRefusal) => void,
): Applied {
  const { rooms } = hub.rights;
  const done: RoomChange[] = [];
  const made: RoomChange[] = [];
  let problem: string | undefined;
  for (const change of changes.slice(0, limits.maxChanges)) {
    const outcome = settingsAfter(hub, by, room, change);
    if (outcome === "unchanged") {
      made.push(change);
      continue;
    }
    if ("code" in outcome) {
      refuse(outcome);
      continue;
    }
    const { settings, announced = change } = outcome;
    const isKept =
      settings === undefined ||
      rooms.change(room.name, keptBy(by, settings, rooms.of(room.name)), by);
    // A rank applies until the member leaves, whether it is stored or not.
    if (isKept || !isSettings(change)) {
      done.push(announced);
      made.push(change);
    }
    if (isKept) continue;
    problem = tooManySettings;
    break;
  }
  if (done.length > 0) {
    const about = { room: room.name, author: by.author, persona: by.persona };
    announceEverywhere(hub, room, { type: "mode", by: by.name, changes: done, ...about });
    room.told?.add(done);
  }
  return { problem, made };
}

/** Why a room can't have settings. */
export const tooManySettings =
  "Too many rooms, here or of your network, have topics or settings: clear some, or try again later";

/**
 * Somebody who makes decisions about a room and can be recognized later is its operator from then
 * on.
 */
function keptBy(
  { ids: [id] }: Changer,
  change: Partial<RoomSettings>,
  { operators }: RoomSettings,
): Partial<RoomSettings> {
  if (id === undefined || (change.operators ?? operators).length > 0) return change;
  // They have just given it up.
  if (operators.includes(id)) return change;
  return { ...change, operators: [id] };
}

type Outcome =
  "unchanged" | ChangeRefusal | { settings?: Partial<RoomSettings>; announced?: RoomChange };

function settingsAfter(hub: HubState, by: Changer, room: Room, change: RoomChange): Outcome {
  const settings = hub.rights.rooms.of(room.name);
  switch (change.what) {
    case "operator":
    case "voice":
      return rankAfter(hub, by, room, change);
    case "flag": {
      const { flag, isOn } = change;
      if (settings.flags.includes(flag) === isOn) return "unchanged";
      const isClosing = flag === "invite-only" || flag === "secret";
      if (room.name === lobby && isClosing) return lobbyIsOpen(letterOf(flag));
      const others = settings.flags.filter((one) => one !== flag);
      return { settings: { flags: isOn ? [...others, flag] : others } };
    }
    case "key": {
      const { key } = change;
      if (room.name === lobby && key !== undefined) return lobbyIsOpen("k");
      if (key !== undefined && (key.length > limits.maxKeyChars || /[^!-~]|,/.test(key))) {
        const message = `A key has at most ${limits.maxKeyChars} visible ASCII characters, no comma`;
        return { code: "text-invalid", message, subject: "k" };
      }
      return settings.key === key ? "unchanged" : { settings: { key } };
    }
    case "limit":
      if (room.name === lobby && change.limit !== undefined) return lobbyIsOpen("l");
      return settings.limit === change.limit ? "unchanged" : { settings: { limit: change.limit } };
    case "ban":
      return banAfter(hub, by, settings, change);
  }
}

/** Old clients know no other room, and can't give a key: they would be locked out of the server. */
function lobbyIsOpen(letter: string): ChangeRefusal {
  const message = "The lobby is open to everybody: use another room";
  return { code: "text-invalid", message, subject: letter };
}

function banAfter(
  hub: HubState,
  by: Changer,
  { bans }: RoomSettings,
  { mask: typed, isOn }: Extract<RoomChange, { what: "ban" }>,
): Outcome {
  const mask = wholeMask(typed);
  const isLong = mask.length > limits.maxMaskChars;
  if (isLong || /\s/.test(mask) || harmless(mask) !== mask) {
    const why = isLong ? "is too long" : "has a space or a control character in it";
    const message = `The mask ${quoted(mask)} ${why}`;
    return { code: "text-invalid", message, subject: typed };
  }
  const others = bans.filter((ban) => ban.mask !== mask);
  if (others.length < bans.length === isOn) return "unchanged";
  if (isOn && bans.length >= limits.maxBans) {
    const message = `There are ${limits.maxBans} bans already: lift some first`;
    return { code: "full", message, subject: mask };
  }
  const ban = { mask, by: by.name, atMs: hub.stampMs };
  const announced: RoomChange = { what: "ban", mask, isOn };
  return { settings: { bans: isOn ? [...others, ban] : others }, announced };
}

/** Sets the rank that a member has until leaving, without announcing it. */
export function rankMember(
  hub: HubState,
  room: Room,
  member: Session,
  { what, isOn }: Pick<RankChange, "what" | "isOn">,
): void {
  const rank = what === "operator" ? "isOperator" : "isVoiced";
  const key = personKey(member.identity);
  room.ranks.set(key, { isOperator: false, isVoiced: false, ...room.ranks.get(key), [rank]: isOn });
  for (const one of hub.names.devices(member)) {
    if (one.rooms.has(room.name)) shareMember(hub, one, room, undefined);
  }
}

function rankAfter(
  hub: HubState,
  by: Changer,
  room: Room,
  { what, name, isOn }: RankChange,
): Outcome {
  const holder = hub.names.holder(fold(name));
  // One of the person's devices.
  const isHere = holder !== undefined && room.roster.has(fold(name));
  const elsewhere = room.elsewhere?.all(fold(name)) ?? [];
  const [first] = elsewhere;
  if (!isHere && first !== undefined) {
    // Their server carries it out everywhere and announces it.
    const { server, folded: to } = first;
    hub.signal(server, { type: "rank", to, room: room.name, what, isOn, by });
    return "unchanged";
  }
  if (holder === undefined) {
    const message = `Nobody here is called ${quoted(name)}: check who is here`;
    return { code: "unknown-user", message, subject: name };
  }
  if (!isHere) {
    const message = `${quoted(name)} is not in the room ${quoted(room.name)}`;
    return { code: "not-there", message, subject: name };
  }
  const { rooms } = hub.rights;
  const field = what === "operator" ? "operators" : "voices";
  const rank = what === "operator" ? "isOperator" : "isVoiced";
  const before = room.ranks.get(personKey(holder.identity));
  const listed = rooms.of(room.name)[field];
  const ids = idsOf(holder);
  const isListed = ids.some((id) => listed.includes(id));
  const isRanked = [before, ...elsewhere.map((member) => member.rank)].some((one) => one?.[rank]);
  if ((isRanked || isListed) === isOn) return "unchanged";
  rankMember(hub, room, holder, { what, isOn });
  for (const { server, folded: to } of elsewhere) {
    hub.signal(server, { type: "rank", to, room: room.name, what, isOn, by, isAnnounced: true });
  }
  const announced = { what, name: holder.name, isOn } as const;
  if (!isOn) {
    if (!isListed) return { announced };
    return { settings: { [field]: listed.filter((id) => !ids.includes(id)) }, announced };
  }
  const [id] = ids;
  // Somebody who can't be recognized later has the rank until leaving.
  if (id === undefined || listed.length >= limits.maxRoomOperators) return { announced };
  return { settings: { [field]: [...listed, id] }, announced };
}
