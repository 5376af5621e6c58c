// Answers to WHO and WHOX. Pure.

import type { PersonalEvent } from "../../chat/events.ts";
import type { PersonInfo } from "../../chat/people/people-events.ts";
import { prefixOf } from "./prefix.ts";
import { channelOf, nickOf } from "./names.ts";
import type { Request } from "./pending.ts";
import type { Line, Self } from "./self.ts";

type People = Extract<PersonalEvent, { type: "people" }>;

export function whoLines(
  self: Self,
  { people, by, isCut }: People,
  { target, args }: Request,
): Line[] {
  const [options = ""] = args;
  const found = /^[^%]*o/.test(options) ? people.filter(({ isOperator }) => isOperator) : people;
  const fields = /%([a-z]+)(?:,(.{1,3}))?/i.exec(options);
  const room = "room" in by ? by.room : undefined;
  const lines = found.map((person) =>
    fields === null
      ? whoLine(self, person, room)
      : whoxLine(self, person, room, fields[1]!, fields[2] ?? "0"),
  );
  if (isCut === true) lines.push(cutLine(self, "WHO"));
  return [...lines, self.numeric("315", target, "End of WHO list")];
}

/** There is more than one answer may contain. */
export function cutLine(self: Self, verb: string): Line {
  return self.numeric("416", verb, "Output too large, truncated");
}

function whoLine(self: Self, person: PersonInfo, room: string | undefined): Line {
  const { name, persona } = person;
  const { server } = self;
  const channel = channelFor(person, room);
  const flags = flagsOf(self, person);
  const { user, host, realName } = persona;
  return self.numeric(
    "352",
    channel,
    user,
    host,
    server.name,
    nickOf(name),
    flags,
    `0 ${realName}`,
  );
}

/** The requested channel, or one that the client is allowed to see. */
function channelFor({ rooms }: PersonInfo, room: string | undefined): string {
  if (room !== undefined) return channelOf(room);
  const [first] = rooms;
  return first === undefined ? "*" : channelOf(first.room);
}

function flagsOf(self: Self, { away, isOperator, persona, rank, rooms }: PersonInfo): string {
  const presence = away === undefined ? "H" : "G";
  const shown = rank ?? rooms[0];
  const prefix = shown === undefined ? "" : prefixOf(self, shown);
  return `${presence}${isOperator ? "*" : ""}${persona.isBot ? "B" : ""}${prefix}`;
}

function whoxLine(
  self: Self,
  person: PersonInfo,
  room: string | undefined,
  fields: string,
  token: string,
): Line {
  const { persona, name, idleMs } = person;
  const values: Readonly<Record<string, string>> = {
    t: token,
    c: channelFor(person, room),
    u: persona.user,
    // A placeholder: addresses are not shown.
    i: "255.255.255.255",
    h: persona.host,
    s: self.server.name,
    n: nickOf(name),
    f: flagsOf(self, person),
    d: "0",
    l: String(Math.floor(idleMs / 1_000)),
    a: persona.account === "" ? "0" : persona.account,
    o: "n/a",
    r: persona.realName,
  };
  const order = "tcuihsnfdlaor";
  const asked = order.split("").filter((letter) => fields.includes(letter));
  const all = asked.map((letter) => values[letter] ?? "");
  return fields.includes("r") ? self.numeric("354", ...all) : self.words("354", ...all);
}
