// Renders answers to a client's requests as lines. Pure.

import type { PersonalEvent } from "../../chat/events.ts";
import { fold } from "../../chat/names/grammar.ts";
import type { PersonInfo } from "../../chat/people/people-events.ts";
import { letterOf } from "../../chat/rooms/room-change.ts";
import type { RoomState, RosterEntry } from "../../chat/rooms/room-events.ts";
import { matchesMask } from "../../chat/people/mask.ts";
import { irc, people as limits } from "../../limits.ts";
import { isoText } from "../../utc-time.ts";
import { channelOf, nickOf } from "./names.ts";
import type { Request } from "./pending.ts";
import { prefixOf } from "./prefix.ts";
import { joinLine, sourceOf } from "./room-lines.ts";
import type { Line, Self } from "./self.ts";
import { cutLine, whoLines } from "./who.ts";

type Event<T extends PersonalEvent["type"]> = Extract<PersonalEvent, { type: T }>;

export function entryLines(self: Self, event: Event<"entry">): Line[] {
  const { state, members, isNew, persona, name } = event;
  if (!isNew) return [];
  const { room } = state;
  const tagged = { persona };
  const lines: Line[] = [
    { body: joinLine(name, persona, room, self.has("extended-join")), tagged },
  ];
  if (state.topic !== "") lines.push(...topicLines(self, state));
  lines.push(...namesLines(self, room, state.flags.includes("secret"), members));
  return lines;
}

function topicLines(self: Self, { room, topic, topicBy, topicMs }: RoomState): Line[] {
  const channel = channelOf(room);
  const lines = [self.numeric("332", channel, topic)];
  if (topicBy === "") return lines;
  lines.push(self.words("333", channel, nickOf(topicBy), seconds(topicMs)));
  return lines;
}

export function namesLines(
  self: Self,
  room: string,
  isSecret: boolean,
  members: readonly RosterEntry[],
): Line[] {
  const channel = channelOf(room);
  const entries = members.map((member) => {
    const nick = self.has("userhost-in-names")
      ? sourceOf(member.name, member.persona)
      : nickOf(member.name);
    return `${prefixOf(self, member)}${nick}`;
  });
  const lines = listLines(self, ["353", isSecret ? "@" : "=", channel], entries, " ");
  lines.push(self.numeric("366", channel, "End of /NAMES list"));
  return lines;
}

export function roomsLines(
  self: Self,
  { rooms, next }: Event<"rooms">,
  { target }: Request,
): Line[] {
  const lines = [self.numeric("321", "Channel", "Users  Name")];
  const given = target.split(",").filter((one) => one !== "");
  const conditions = given.filter((one) => /^(?:!|[<>]\d{1,9}$)/.test(one));
  const masks = given.filter((one) => !conditions.includes(one));
  for (const { room, members, topic } of rooms) {
    const channel = channelOf(room);
    if (masks.length > 0 && !masks.some((mask) => matchesMask(mask, channel))) continue;
    if (!conditions.every((one) => isListed(one, channel, members))) continue;
    lines.push(self.numeric("322", channel, String(members), topic));
  }
  if (next !== undefined) lines.push(cutLine(self, "LIST"));
  lines.push(self.numeric("323", "End of /LIST"));
  return lines;
}

function isListed(condition: string, channel: string, members: number): boolean {
  const count = /^([<>])(\d{1,9})$/.exec(condition);
  if (count !== null) {
    return count[1] === "<" ? members < Number(count[2]) : members > Number(count[2]);
  }
  return !condition.startsWith("!") || !matchesMask(condition.slice(1), channel);
}

export function roomStateLines(
  self: Self,
  { state }: Event<"room-state">,
  { verb, args }: Request,
): Line[] {
  const channel = channelOf(state.room);
  if (verb === "TOPIC") {
    return state.topic === ""
      ? [self.numeric("331", channel, "No topic is set")]
      : topicLines(self, state);
  }
  if (args[0] === "b") {
    const lines = state.bans.map(({ mask, by, atMs }) =>
      self.words("367", channel, mask, by, seconds(atMs)),
    );
    return [...lines, self.numeric("368", channel, "End of channel ban list")];
  }
  const { flags, key, hasKey, limit, openedMs } = state;
  const letters = flags.map(letterOf).sort().join("");
  const modes = `+${letters}${hasKey ? "k" : ""}${limit === undefined ? "" : "l"}`;
  const written = [
    ...(hasKey && key !== undefined ? [key] : []),
    ...(limit === undefined ? [] : [String(limit)]),
  ];
  return [
    self.words("324", channel, modes, ...written),
    self.words("329", channel, seconds(openedMs)),
  ];
}

export function peopleLines(self: Self, event: Event<"people">, request: Request): Line[] {
  switch (request.verb) {
    case "WHO":
      return whoLines(self, event, request);
    case "WHOIS":
      return whoisLines(self, event, request);
    case "ISON":
      return namesHere(
        self,
        "303",
        event.people.map(({ name }) => nickOf(name)),
      );
    case "USERHOST":
      return namesHere(self, "302", event.people.map(userhost));
    default: {
      // A MODE query for another user.
      const [missing] = event.missing;
      return missing === undefined
        ? [self.numeric("502", "Can't change mode for other users")]
        : [self.numeric("401", request.target, "No such nick/channel")];
    }
  }
}

/** Nobody: a line that says so. */
function namesHere(self: Self, code: string, names: readonly string[]): Line[] {
  const lines = listLines(self, [code], names, " ");
  return lines.length === 0 ? [self.numeric(code, "")] : lines;
}

function userhost({ name, persona, isOperator, away }: PersonInfo): string {
  const mark = `${isOperator ? "*" : ""}=${away === undefined ? "+" : "-"}`;
  return `${nickOf(name)}${mark}${persona.user}@${persona.host}`;
}

function whoisLines(
  self: Self,
  { people, missing }: Event<"people">,
  { target, args }: Request,
): Line[] {
  const lines: Line[] = [];
  for (const person of people) lines.push(...whoisOf(self, person));
  for (const name of missing) {
    const typed = args.find((nick) => fold(nick) === fold(name)) ?? name;
    lines.push(self.numeric("401", typed, "No such nick/channel"));
  }
  lines.push(self.numeric("318", target, "End of /WHOIS list"));
  return lines;
}

function whoisOf(self: Self, person: PersonInfo): Line[] {
  const { name, persona, rooms, away, isOperator, isSecure, idleMs, sinceMs } = person;
  const nick = nickOf(name);
  const { server } = self;
  const lines = [self.numeric("311", nick, persona.user, persona.host, "*", persona.realName)];
  const channels = rooms.map((one) => `${prefixOf(self, one)}${channelOf(one.room)}`);
  lines.push(...listLines(self, ["319", nick], channels, " "));
  lines.push(self.numeric("312", nick, server.name, `parley ${server.version}`));
  if (away !== undefined) lines.push(self.numeric("301", nick, away));
  if (isOperator) lines.push(self.numeric("313", nick, "is an operator of this server"));
  if (persona.isBot) lines.push(self.numeric("335", nick, "is a bot"));
  if (persona.account !== "") {
    lines.push(self.numeric("330", nick, persona.account, "is logged in as"));
  }
  if (isSecure) lines.push(self.numeric("671", nick, "is using a secure connection"));
  const idle = String(Math.floor(idleMs / 1_000));
  lines.push(self.numeric("317", nick, idle, seconds(sinceMs), "seconds idle, signon time"));
  return lines;
}

export function formerLines(
  self: Self,
  { people }: Event<"former-people">,
  { target }: Request,
): Line[] {
  const lines: Line[] = [];
  for (const { name, persona, timeMs } of people) {
    const nick = nickOf(name);
    lines.push(self.numeric("314", nick, persona.user, persona.host, "*", persona.realName));
    lines.push(self.numeric("312", nick, self.server.name, isoText(timeMs)));
  }
  if (people.length === 0) lines.push(self.numeric("406", target, "There was no such nickname"));
  lines.push(self.numeric("369", target, "End of WHOWAS"));
  return lines;
}

export function censusLines(self: Self, event: Event<"census">): Line[] {
  const { people, hidden, nameless, operators, rooms, most } = event;
  const visible = people - hidden;
  const count = String(people);
  return [
    self.numeric("251", `There are ${visible} users and ${hidden} invisible on 1 servers`),
    self.numeric("252", String(operators), "operator(s) online"),
    self.numeric("253", String(nameless), "unknown connection(s)"),
    self.numeric("254", String(rooms), "channels formed"),
    self.numeric("255", `I have ${people} clients and 0 servers`),
    self.numeric("265", count, String(most), `Current local users ${people}, max ${most}`),
    self.numeric("266", count, String(most), `Current global users ${people}, max ${most}`),
  ];
}

export function motdLines(self: Self, text: string): Line[] {
  if (text === "") return [self.numeric("422", "There is no message of the day")];
  const lines = [self.numeric("375", `- ${self.server.name} Message of the day -`)];
  for (const line of text.split("\n")) lines.push(self.numeric("372", `- ${line}`));
  lines.push(self.numeric("376", "End of /MOTD command"));
  return lines;
}

export function describedLines(self: Self, event: Event<"described">, request: Request): Line[] {
  const { away, persona } = event;
  if (request.verb === "AWAY") {
    return away === undefined
      ? [self.numeric("305", "You are no longer marked as being away")]
      : [self.numeric("306", "You have been marked as being away")];
  }
  if (request.verb === "SETNAME") {
    const body = `:${self.source} SETNAME :${persona.realName}`;
    return self.has("setname") ? [{ body, tagged: { persona } }] : [];
  }
  if (request.verb === "MODE") {
    const [letters = ""] = request.args;
    const known = letters.replace(/[^-+Bi]/g, "");
    return [{ body: `:${self.source} MODE ${nickOf(self.nick)} ${known}` }];
  }
  return [];
}

export function watchedLines(self: Self, { here, gone, refused }: Event<"watched">): Line[] {
  const lines: Line[] = [];
  for (const { name, persona } of here) {
    lines.push(self.numeric("730", sourceOf(name, persona)));
  }
  lines.push(...listLines(self, ["731"], gone, ","));
  const most = String(limits.maxWatched);
  const full = "Monitor list is full.";
  const bytes = roomIn(self.numeric("734", most, "", full));
  for (const some of inLines(refused, ",", bytes)) {
    lines.push(self.numeric("734", most, some, full));
  }
  return lines;
}

export function watchListLines(self: Self, { names }: Event<"watch-list">): Line[] {
  return [...listLines(self, ["732"], names, ","), self.numeric("733", "End of MONITOR list")];
}

/** Numerics whose last parameter lists names, as many in each as fit. */
function listLines(
  self: Self,
  [code, ...params]: [code: string, ...params: string[]],
  names: readonly string[],
  separator: string,
): Line[] {
  const bytes = roomIn(self.numeric(code, ...params, ""));
  return inLines(names, separator, bytes).map((some) => self.numeric(code, ...params, some));
}

/** How many bytes the line can still take. */
function roomIn({ body }: Line): number {
  return irc.maxLineBytes - 2 - Buffer.byteLength(body);
}

/** Names joined by a separator, in texts of at most that many bytes. */
function inLines(names: readonly string[], separator: string, bytes: number): string[] {
  const lines: string[] = [];
  let some = "";
  for (const name of names) {
    const more = some === "" ? name : `${some}${separator}${name}`;
    if (some === "" || Buffer.byteLength(more) <= bytes) some = more;
    else {
      lines.push(some);
      some = name;
    }
  }
  return some === "" ? lines : [...lines, some];
}

export function timeLines(self: Self, { timeMs }: Event<"census">): Line[] {
  return [self.numeric("391", self.server.name, isoText(timeMs))];
}

export function operLines(self: Self, { isOperator }: Event<"authenticated">): Line[] {
  if (!isOperator) return [self.numeric("491", "You are not an operator of this server")];
  return [
    { body: `:${self.source} MODE ${nickOf(self.nick)} +o` },
    self.numeric("381", "You are now an IRC operator"),
  ];
}

function seconds(timeMs: number): string {
  return String(Math.floor(timeMs / 1_000));
}
