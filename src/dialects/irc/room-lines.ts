// Renders what everybody in a room receives as IRC lines, once for all members who requested the
// same capabilities. Pure.

import type { PresenceEvent, RoomEvent, Said } from "../../chat/events.ts";
import type { Persona, ShownPerson } from "../../chat/people/persona.ts";
import { changeLetters, type RoomChange } from "../../chat/rooms/room-change.ts";
import { spansRooms } from "../../chat/rooms/presence.ts";
import type { SaidRun } from "../../chat/rooms/said-run.ts";
import { irc as limits } from "../../limits.ts";
import { paramsText } from "./line.ts";
import { passingId, roomMessageId } from "./message-ids.ts";
import { channelOf, nickOf } from "./names.ts";
import { type TagWishes, tagsText, wishesOf } from "./tags.ts";
import { messageLines } from "./text.ts";

/** What the lines need to know about the server. */
export type LineServer = { readonly name: string; readonly log: string };

/** `nick!user@host`. For messages from the log only the name is known. */
export function sourceOf(name: string, persona: Persona | undefined): string {
  const nick = nickOf(name);
  return persona === undefined
    ? `${nick}!${nick}@parley`
    : `${nick}!${persona.user}@${persona.host}`;
}

export class RoomLines {
  readonly #server: LineServer;
  readonly #variant: string;
  readonly #wishes: TagWishes;

  constructor(server: LineServer, variant: string) {
    this.#server = server;
    this.#variant = variant;
    this.#wishes = wishesOf(variant);
  }

  /** Undefined if members with this variant do not receive the event. */
  render(event: RoomEvent): string | undefined {
    if (event.type === "said") return saidLines(this.#server, this.#wishes, event);
    if (event.type === "signal") return this.#signal(event);
    const { timeMs, persona } = event;
    const tags = tagsText(this.#wishes, { timeMs, persona });
    if (event.type === "mode") {
      const lines = modeLines(this.#server, event, event.changes);
      return lines.map((line) => `${tags}${line}\r\n`).join("");
    }
    const line = this.#presence(event);
    if (line === undefined) return undefined;
    const shown = `${tags}${line}\r\n`;
    const rank = event.type === "joined" ? rankLine(this.#server, event) : undefined;
    return rank === undefined ? shown : `${shown}${tagsText(this.#wishes, { timeMs })}${rank}\r\n`;
  }

  renderRun(run: SaidRun): string {
    const { room, from, kind, persona, timeMs, tags: client } = run;
    const source = sourceOf(from, persona);
    const start = `:${source} ${kind === "notice" ? "NOTICE" : "PRIVMSG"} ${channelOf(room)} :`;
    // Without IDs all lines have the same prefix; most texts are short and take one line.
    const tags = tagsText(this.#wishes, { timeMs, persona, client });
    const isPlain = kind !== "emote" && !this.#wishes.tags;
    let text = "";
    for (let i = 0; i < run.length; i++) {
      const said = run.texts[i]!;
      text +=
        isPlain && isShort(start, said)
          ? `${tags}${start}${said}\r\n`
          : saidLines(this.#server, this.#wishes, run.at(i));
    }
    return text;
  }

  #signal(event: Extract<PresenceEvent, { type: "signal" }>): string | undefined {
    if (!this.#wishes.tags) return undefined;
    const { from, persona, room, tags: client, id, timeMs = 0 } = event;
    const msgid = passingId(this.#server.log, id, timeMs);
    const tags = tagsText(this.#wishes, { timeMs, msgid, persona, client });
    return `${tags}:${sourceOf(from, persona)} TAGMSG ${channelOf(room)}\r\n`;
  }

  #presence(event: Exclude<PresenceEvent, { type: "signal" | "mode" }>): string | undefined {
    const { persona } = event;
    switch (event.type) {
      case "joined":
        return joinLine(event.name, persona, event.room, this.#variant.includes("e"));
      case "left":
        return leftLine(this.#server, event);
      case "renamed":
        return `:${sourceOf(event.from, persona)} NICK ${paramsText([nickOf(event.to)])}`;
      case "away":
        if (!this.#variant.includes("w")) return undefined;
        return awayLine(event.name, persona, event.away);
      case "account":
        if (!this.#variant.includes("n")) return undefined;
        return `:${sourceOf(event.name, persona)} ACCOUNT ${persona?.account || "*"}`;
      case "real-name":
        if (!this.#variant.includes("s")) return undefined;
        return `:${sourceOf(event.name, persona)} SETNAME :${persona?.realName ?? ""}`;
      case "invited":
        if (!this.#variant.includes("i")) return undefined;
        return `:${sourceOf(event.by, persona)} INVITE ${event.name} ${channelOf(event.room)}`;
    }
  }
}

function saidLines(server: LineServer, wishes: TagWishes, said: Said): string {
  const { room, seq, timeMs, from, text, kind, persona, tags: client } = said;
  const target = channelOf(room);
  const msgid = wishes.tags ? roomMessageId(server.log, room, seq) : undefined;
  const tags = tagsText(wishes, { timeMs, msgid, persona, client });
  return textLines({ tags, source: sourceOf(from, persona), target, kind, text }, () =>
    tagsText(wishes, { timeMs, persona }),
  );
}

/** Whether a text fits into one line, as most do. */
function isShort(start: string, text: string): boolean {
  return 3 * (start.length + text.length) < 500 && !text.includes("\n");
}

type TextLine = {
  tags: string;
  source: string;
  target: string;
  kind: Said["kind"];
  text: string;
};

/** The lines of a text. Lines after the first carry no ID: `others` returns their tags. */
function textLines({ tags, source, target, kind, text }: TextLine, others: () => string): string {
  const command = kind === "notice" ? "NOTICE" : "PRIVMSG";
  const start = `:${source} ${command} ${target} :`;
  if (kind !== "emote" && isShort(start, text)) return `${tags}${start}${text}\r\n`;
  const before = Buffer.byteLength(`:${source} ${target} `);
  const parts = messageLines(before, kind, text);
  return parts.map((part, i) => `${i === 0 ? tags : others()}${start}${part}\r\n`).join("");
}

export function joinLine(
  name: string,
  persona: Persona | undefined,
  room: string,
  isExtended: boolean,
): string {
  const line = `:${sourceOf(name, persona)} JOIN ${channelOf(room)}`;
  if (!isExtended) return line;
  return `${line} ${persona?.account || "*"} :${persona?.realName ?? name}`;
}

function awayLine(name: string, persona: Persona | undefined, away: string | undefined): string {
  const line = `:${sourceOf(name, persona)} AWAY`;
  return away === undefined ? line : `${line} :${away}`;
}

const farewells: Readonly<Record<Extract<PresenceEvent, { type: "left" }>["reason"], string>> = {
  quit: "Quit",
  lost: "Connection lost",
  slow: "Reading too slowly",
  parted: "",
  replaced: "Connected again from elsewhere",
  kicked: "Removed by an operator",
};

function leftLine(server: LineServer, event: Extract<PresenceEvent, { type: "left" }>): string {
  const { name, persona, room, reason, by, text } = event;
  const source = sourceOf(name, persona);
  if (reason === "parted") return partLine(name, persona, room, text);
  if (reason === "kicked" && by !== undefined) return kickLine(by, room, name, text);
  if (reason === "kicked" && !spansRooms(event)) return removedLine(server, room, name);
  const said = text === undefined || text === "" ? farewells[reason] : `Quit: ${text}`;
  return `:${source} QUIT :${said}`;
}

/**
 * The server removes people from a room that has become private, except for its guests; and from
 * the rooms of one of their connections, while another goes on in others.
 */
function removedLine(server: LineServer, room: string, name: string): string {
  return `:${server.name} KICK ${channelOf(room)} ${nickOf(name)} :${farewells.kicked}`;
}

/** The same, for the client itself. */
export function notAdmittedLine(server: LineServer, room: string, nick: string): string {
  return `:${server.name} KICK ${channelOf(room)} ${nickOf(nick)} :You may no longer be here`;
}

export function partLine(
  name: string,
  persona: Persona | undefined,
  room: string,
  text: string | undefined,
): string {
  const line = `:${sourceOf(name, persona)} PART ${channelOf(room)}`;
  return text === undefined || text === "" ? line : `${line} :${text}`;
}

export function kickLine(
  by: ShownPerson,
  room: string,
  name: string,
  text: string | undefined,
): string {
  const why = text === undefined || text === "" ? by.name : text;
  return `:${sourceOf(by.name, by.persona)} KICK ${channelOf(room)} ${nickOf(name)} :${why}`;
}

/** Clients learn ranks from MODE alone. Undefined: the member has none. */
function rankLine(
  { name: server }: LineServer,
  { name, room, rank }: Extract<PresenceEvent, { type: "joined" }>,
): string | undefined {
  if (rank === undefined) return undefined;
  const letters = `${rank.isOperator ? "o" : ""}${rank.isVoiced ? "v" : ""}`;
  const nicks = [...letters].map(() => nickOf(name));
  return `:${server} MODE ${[channelOf(room), `+${letters}`, ...nicks].join(" ")}`;
}

/** As many lines as it takes. */
function modeLines(
  server: LineServer,
  event: Extract<PresenceEvent, { type: "mode" }>,
  changes: readonly RoomChange[],
): readonly string[] {
  const { by, persona, room, author } = event;
  const source = author === 0 ? server.name : sourceOf(by, persona);
  const { letters, args } = changeLetters(changes);
  const line = `:${source} MODE ${[channelOf(room), letters, ...args].join(" ")}`;
  const isShort = Buffer.byteLength(line) <= limits.maxLineBytes - 2;
  if (isShort || changes.length < 2) return [line];
  const half = Math.ceil(changes.length / 2);
  return [changes.slice(0, half), changes.slice(half)].flatMap((some) =>
    modeLines(server, event, some),
  );
}
