// Topics, private rooms and the message of the day.

import { harmless, quoted } from "../../text.ts";
import type { HubState } from "../hub-state.ts";
import { fold, lobby, roomProblem } from "../names/grammar.ts";
import { removeNonGuests } from "../rooms/room-access.ts";
import { announceTopic } from "../rooms/room-commands.ts";
import { type Actor, changerBy } from "./actor.ts";
import type { AdminCommand } from "./admin-command.ts";
import type { AdminAnswer } from "./answer.ts";
import { logAct } from "./log-act.ts";
import { withAccount } from "./with-account.ts";

type Of<Do extends AdminCommand["do"]> = Extract<AdminCommand, { do: Do }>;

export function setTopic(
  hub: HubState,
  actor: Actor,
  { room: name, text }: Of<"topic">,
): AdminAnswer {
  const room = roomOf(name);
  if (typeof room !== "string") return room;
  const topic = harmless(text);
  if (!announceTopic(hub, room, topic, changerBy(hub, actor))) return tooMany;
  logAct(hub, actor, "topic set", { target: room, topic });
  const message = topic === "" ? `${room} no longer has a topic` : `The topic of ${room} is set`;
  return { ok: true, message };
}

export function setPrivate(
  hub: HubState,
  actor: Actor,
  { do: what, room: name }: Of<"private" | "public">,
): AdminAnswer {
  const room = roomOf(name);
  if (typeof room !== "string") return room;
  if (room === lobby) {
    return { ok: false, code: "usage", message: "The lobby is everybody's: use another room" };
  }
  const isPrivate = what === "private";
  const { rooms } = hub.rights;
  const { guests } = rooms.of(room);
  // For a key without a name, the rank is enough: a guest is an account, which can be disallowed.
  const own =
    actor.id === undefined || actor.id === actor.session?.proven.key || guests.includes(actor.id)
      ? []
      : [actor.id];
  const change = isPrivate ? { isPrivate, guests: [...guests, ...own] } : { isPrivate, guests: [] };
  if (!rooms.change(room, change)) return tooMany;
  logAct(hub, actor, isPrivate ? "room made private" : "room made public", { target: room });
  removeNonGuests(hub, room);
  return { ok: true, message: `The room ${room} is ${what} now` };
}

export function setGuest(
  hub: HubState,
  actor: Actor,
  { do: what, room: name, name: person }: Of<"allow" | "disallow">,
  answer: (answer: AdminAnswer) => void,
): void {
  const room = roomOf(name);
  if (typeof room !== "string") return answer(room);
  if (!hub.rights.rooms.of(room).isPrivate) return answer(notPrivate(room));
  withAccount(hub, actor, "operator", person, answer, ({ id, name }) => {
    const { rooms } = hub.rights;
    if (!rooms.of(room).isPrivate) return answer(notPrivate(room));
    const others = rooms.of(room).guests.filter((guest) => guest !== id);
    const isAllowed = what === "allow";
    if (!rooms.change(room, { guests: isAllowed ? [...others, id] : others })) {
      return answer(tooMany);
    }
    logAct(hub, actor, isAllowed ? "guest allowed" : "guest disallowed", { target: name, room });
    removeNonGuests(hub, room);
    answer({ ok: true, message: `${name} may ${isAllowed ? "" : "not "}enter ${room} now` });
  });
}

function notPrivate(room: string): AdminAnswer {
  const message = `The room ${quoted(room)} is not private: anybody may enter it`;
  return { ok: false, code: "usage", message };
}

export function setMotd(hub: HubState, actor: Actor, { text }: Of<"motd">): AdminAnswer {
  const motd = harmless(text);
  hub.rights.rooms.setMotd(motd);
  logAct(hub, actor, "message of the day set", { motd });
  return { ok: true, message: motd === "" ? "There is no message of the day" : "It is set" };
}

function roomOf(name: string): string | AdminAnswer {
  const message = roomProblem(name);
  return message === undefined ? fold(name) : { ok: false, code: "room-invalid", message };
}

const tooMany: AdminAnswer = {
  ok: false,
  code: "full",
  message: "Too many rooms have topics or guests, or this one too many guests: remove some first",
};
