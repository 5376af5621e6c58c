// Commands for members of rooms and for room operators, whatever their client: being away, modes,
// invitations into a room, removing somebody from it.

import { people as limits } from "../../limits.ts";
import { harmless, quoted } from "../../text.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { setAway } from "../people/people-commands.ts";
import {
  type BadChange,
  changesText,
  letterOf,
  limitRule,
  readChanges,
} from "../rooms/room-change.ts";
import { applyChanges } from "../rooms/room-changes.ts";
import { callInto } from "../rooms/call-into.ts";
import { removePerson } from "../rooms/room-commands.ts";
import { maySee, rankIn } from "../rooms/room-rights.ts";
import { isAtLeast } from "../rights/roles.ts";
import type { Room } from "../rooms/room.ts";
import { type Actor, changerBy } from "./actor.ts";
import type { AdminCommand } from "./admin-command.ts";
import type { AdminAnswer } from "./answer.ts";
import { logAct } from "./log-act.ts";
import { muteText } from "../suspect.ts";
import { storeIsSlow } from "../rejections.ts";

type Of<Do extends AdminCommand["do"]> = Extract<AdminCommand, { do: Do }>;

export function away(hub: HubState, { session }: Actor, { text }: Of<"away">): AdminAnswer {
  if (session === undefined || session.phase !== "member") return forMembers;
  const muted = text === "" ? undefined : muteText(hub, session);
  if (muted !== undefined) return { ok: false, code: "muted", message: muted };
  if (hub.isOverfull()) return overfull;
  setAway(hub, session, text);
  const { away: note } = session.person;
  return { ok: true, message: note === undefined ? "You are back" : `You are away: ${note}` };
}

export function mode(hub: HubState, actor: Actor, command: Of<"mode">): AdminAnswer {
  const { letters, args } = command;
  const room = roomOf(hub, actor, command.room);
  if (room === undefined) return noRoom(command.room);
  const { changes, bad, lists } = readChanges(letters, args, limits.maxChanges);
  const [wrong] = bad;
  if (wrong !== undefined) {
    return { ok: false, code: "usage", message: `${badText(wrong)}: docs/irc.md` };
  }
  if (changes.length === 0) return shown(hub, room, lists.length > 0);
  if (!isOperator(hub, actor, room)) return notOperator(room);
  const muted = actor.session && muteText(hub, actor.session);
  if (muted !== undefined) return { ok: false, code: "muted", message: muted };
  if (hub.isOverfull()) return overfull;
  const problems: string[] = [];
  const by = changerBy(hub, actor);
  const { problem: full, made } = applyChanges(hub, by, room, changes, ({ message }) =>
    problems.push(message),
  );
  const [problem = full] = problems;
  const change = changesText(made);
  if (made.length > 0) logAct(hub, actor, "room changed", { target: room.name, change });
  if (problem === undefined) return { ok: true, message: `Set ${change} in ${room.name}` };
  const rest = made.length === 0 ? "" : `. Only this is set: ${change}`;
  return { ok: false, code: "usage", message: `${problem}${rest}` };
}

function badText(change: BadChange): string {
  const letter = quoted(change.letter);
  if (change.why === "bad-limit") return `${quoted(change.limit)} is no limit. ${limitRule}`;
  return change.why === "unknown" ? `${letter} is no mode` : `${letter} needs an argument`;
}

export function call(
  hub: HubState,
  { session }: Actor,
  command: Of<"call">,
  answer: (answer: AdminAnswer) => void,
): void {
  if (session === undefined || session.phase !== "member") return answer(forMembers);
  callInto(hub, session, command.room, command.name, (outcome) => {
    if ("message" in outcome) return answer({ ok: false, ...outcome });
    answer({ ok: true, message: `Invited ${outcome.name} into ${outcome.room}` });
  });
}

export function remove(hub: HubState, actor: Actor, command: Of<"remove">): AdminAnswer {
  const { name, reason } = command;
  const room = roomOf(hub, actor, command.room);
  if (room === undefined) return noRoom(command.room);
  if (!isOperator(hub, actor, room)) return notOperator(room);
  const { session } = actor;
  const isMuted = session !== undefined && muteText(hub, session) !== undefined;
  const said = isMuted ? "" : harmless(reason);
  const removed = removePerson(hub, room, name, changerBy(hub, actor), said);
  if (removed === undefined) {
    const message = `${quoted(name)} is not in the room ${quoted(room.name)}`;
    return { ok: false, code: "not-there", message };
  }
  logAct(hub, actor, "removed from a room", { target: removed.name, room: room.name, reason });
  return { ok: true, message: `${removed.name} is no longer in ${room.name}` };
}

function shown(hub: HubState, room: Room, wantsBans: boolean): AdminAnswer {
  const { flags, limit, key, bans } = hub.rights.rooms.of(room.name);
  if (wantsBans) {
    const rows = bans.map(({ mask, by, atMs }) => ({
      text: `${mask} (${by})`,
      fields: { event: "room-ban", mask, by, time: atMs },
    }));
    return rows.length === 0 ? { ok: true, message: "There are no bans" } : { ok: true, rows };
  }
  const letters = flags.map(letterOf).sort().join("");
  const more = `${key === undefined ? "" : "k"}${limit === undefined ? "" : `l ${limit}`}`;
  return { ok: true, message: `${room.name}: +${letters}${more}` };
}

/** A room whose existence the actor may know of. */
function roomOf(hub: HubState, { session }: Actor, name: string): Room | undefined {
  const room = hub.rooms.get(fold(name));
  if (room === undefined || session === undefined) return room;
  return maySee(hub, session, room.name) ? room : undefined;
}

function isOperator(hub: HubState, { rank, session }: Actor, room: Room): boolean {
  if (isAtLeast(rank, "operator")) return true;
  return session !== undefined && rankIn(hub, session, room.name).isOperator;
}

const forMembers: AdminAnswer = {
  ok: false,
  code: "usage",
  message: "That is for people in rooms: type it in parley client",
};

/** Members would be told once the store answers, and too much waits for that already. */
const overfull: AdminAnswer = { ok: false, code: "storage", message: storeIsSlow };

function noRoom(name: string): AdminAnswer {
  return { ok: false, code: "not-found", message: `Nobody is in a room ${quoted(name)}` };
}

function notOperator({ name }: Room): AdminAnswer {
  const message = `Only operators of the room ${quoted(name)} may do that`;
  return { ok: false, code: "not-allowed", message };
}
