// The slash commands that people have both at the prompt and on the page, and how a typed line is
// read with a table of them. Each of the two adds its own. Pure.

import { nearestWord } from "../nearest-word.ts";
import type { MessageKind } from "../protocol/messages.ts";
import { quoted } from "../text.ts";

/** The meaning of a typed line. */
export type SharedLine =
  | { do: "say"; text: string; kind?: MessageKind }
  | { do: "tell"; to: readonly string[]; text: string }
  /** `room` undefined: the next one with unread messages. */
  | { do: "go"; room: string | undefined; key?: string | undefined }
  /** `room` undefined: the current one. */
  | { do: "part"; room: string | undefined }
  | { do: "nick" | "invite"; name: string }
  | { do: "accept" | "reject" | "leave" | "quit" }
  | AccountLine
  | IgnoreLine
  | SharedInquiry
  /** An operator command, in the server's syntax. */
  | { do: "order"; command: string }
  /** Shows an error message to the user. */
  | { do: "explain"; text: string };

export type AccountLine =
  | { do: "register" | "devices" | "device-code" | "set-password" | "drop-password" }
  | { do: "revoke"; key: string };

export type IgnoreLine =
  /** Undefined: lists the ignored people. */
  { do: "ignore"; name: string | undefined } | { do: "unignore"; name: string };

/** Shows information, known here or requested from the server. */
export type SharedInquiry =
  | { do: "rooms" | "files" | "motd" }
  /** `room` undefined: the current one. */
  | { do: "who"; room: string | undefined }
  | { do: "whois"; name: string }
  | { do: "search"; text: string }
  /** `words`: as typed; whether they begin with a room depends on the user's rooms. */
  | { do: "topic"; words: string };

/** What completes a command's argument. */
export type Completes = "name" | "room" | "file" | "path" | "command";

export type SlashCommand<Line> = {
  usage: string;
  help: string;
  completes?: Completes;
  /** Undefined: wrong usage. */
  read: (argument: string) => Line | undefined;
};

export type SlashCommands<Line> = Readonly<Record<string, SlashCommand<Line>>>;

export const bare =
  <What extends string>(what: What) =>
  (argument: string) =>
    argument === "" ? { do: what } : undefined;
export const named =
  <What extends string>(what: What) =>
  (argument: string) =>
    argument === "" ? undefined : { do: what, name: argument };
const inRoom =
  <What extends string>(what: What) =>
  (argument: string) => ({ do: what, room: argument === "" ? undefined : argument });

export const sharedCommands = {
  "/who": {
    usage: "/who [ROOM]",
    help: "list the people in a room",
    completes: "room",
    read: inRoom("who"),
  },
  "/msg": {
    usage: "/msg NAME[,NAME] TEXT",
    help: "send a private message",
    completes: "name",
    read: readMessage,
  },
  "/me": {
    usage: "/me TEXT",
    help: "say what you do: * Ann waves",
    read: (text) => (text === "" ? undefined : { do: "say", text, kind: "emote" }),
  },
  "/join": {
    usage: "/join ROOM [KEY]",
    help: "enter a room without leaving the others; KEY if it asks for one",
    completes: "room",
    read: (argument) => {
      const [room = "", key, ...more] = argument.split(/ +/);
      return room === "" || more.length > 0 ? undefined : { do: "go", room, key };
    },
  },
  "/part": {
    usage: "/part [ROOM]",
    help: "leave this room, or another one",
    completes: "room",
    read: inRoom("part"),
  },
  "/room": {
    usage: "/room [ROOM]",
    help: "switch to a room, or to the next one with unread messages",
    completes: "room",
    read: inRoom("go"),
  },
  "/rooms": { usage: "/rooms", help: "list all rooms", read: bare("rooms") },
  "/topic": {
    usage: "/topic [ROOM] [TEXT|off]",
    help: "show what a room is about; operators set it",
    completes: "room",
    read: (words) => ({ do: "topic", words }),
  },
  "/whois": {
    usage: "/whois NAME",
    help: "show what is known about somebody",
    completes: "name",
    read: named("whois"),
  },
  "/nick": { usage: "/nick NAME", help: "change your name", read: named("nick") },
  "/register": {
    usage: "/register",
    help: "reserve your name for yourself",
    read: bare("register"),
  },
  "/devices": {
    usage: "/devices [add|revoke KEY]",
    help: "list your devices, add one, or revoke one",
    read: readDevices,
  },
  "/password": {
    usage: "/password [off]",
    help: "set a password, for browsers and old clients, or remove it",
    read: (argument) =>
      argument === "off" ? { do: "drop-password" } : bare("set-password")(argument),
  },
  "/invite": {
    usage: "/invite NAME",
    help: "invite somebody to a private chat",
    completes: "name",
    read: named("invite"),
  },
  "/accept": { usage: "/accept", help: "accept a private chat", read: bare("accept") },
  "/reject": { usage: "/reject", help: "decline a private chat", read: bare("reject") },
  "/leave": { usage: "/leave", help: "end the private chat", read: bare("leave") },
  "/files": { usage: "/files", help: "list the shared files", read: bare("files") },
  "/search": {
    usage: "/search TEXT",
    help: "find messages of this room that have all of these words",
    read: (text) => (text === "" ? undefined : { do: "search", text }),
  },
  "/ignore": {
    usage: "/ignore [NAME]",
    help: "ignore somebody; without NAME, list whom you ignore",
    completes: "name",
    read: (name) => (/\s/.test(name) ? undefined : { do: "ignore", name: name || undefined }),
  },
  "/unignore": {
    usage: "/unignore NAME",
    help: "stop ignoring somebody",
    completes: "name",
    read: named("unignore"),
  },
  "/motd": {
    usage: "/motd [TEXT|off]",
    help: "show the message of the day; operators set it",
    read: readMotd,
  },
  "/quit": { usage: "/quit", help: "disconnect", read: bare("quit") },
} as const satisfies SlashCommands<SharedLine>;

function readMotd(argument: string): SharedLine {
  if (argument === "") return { do: "motd" };
  return { do: "order", command: argument === "off" ? "motd" : `motd ${argument}` };
}

function readDevices(argument: string): SharedLine | undefined {
  if (argument === "") return { do: "devices" };
  if (argument === "add") return { do: "device-code" };
  const [, key] = /^revoke\s+(\S+)$/.exec(argument) ?? [];
  return key === undefined ? undefined : { do: "revoke", key };
}

function readMessage(argument: string): SharedLine | undefined {
  const [, names = "", text = ""] = /^(\S+)\s+(.*)$/s.exec(argument) ?? [];
  const to = names.split(",").filter((name) => name !== "");
  return to.length === 0 || text.trim() === "" ? undefined : { do: "tell", to, text };
}

/**
 * Reads a typed line: a command, or text, which is never sent if it begins with a single `/`.
 * `//text` says `/text`. `unknown` is called with a word that is not in the table.
 */
export function readLine<Line>(
  line: string,
  commands: SlashCommands<Line>,
  unknown: (word: string, argument: string) => Line | SharedLine,
): Line | SharedLine {
  const typed = line.trim();
  if (!typed.startsWith("/")) return { do: "say", text: line };
  if (typed.startsWith("//")) return { do: "say", text: typed.slice(1) };
  const [, word = typed, argument = ""] = /^(\S+)\s*(.*)$/s.exec(typed) ?? [];
  const command = commandCalled(word, commands);
  if (command === undefined) return unknown(word, argument);
  return command.read(argument) ?? { do: "explain", text: `Usage: ${command.usage}` };
}

/** With or without its slash, as in `/help msg` and `/help /msg`. */
export function commandCalled<Line>(
  word: string,
  commands: SlashCommands<Line>,
): SlashCommand<Line> | undefined {
  const slash = word.startsWith("/") ? word.toLowerCase() : `/${word.toLowerCase()}`;
  return Object.hasOwn(commands, slash) ? commands[slash] : undefined;
}

/**
 * Word lengths for which the nearest command is suggested: short words are close to too many
 * commands, a very long word is not a typo, and edit distance gets slow.
 */
const mistypedChars = { min: 4, max: 20 } as const;

/** `There is no command '/jion': did you mean /join?`. `slashes`: the commands there are. */
export function unknownCommand(word: string, slashes: readonly string[]): string {
  const lower = word.toLowerCase();
  const isMistyped = lower.length >= mistypedChars.min && lower.length <= mistypedChars.max;
  const near = isMistyped
    ? nearestWord(lower, slashes)
    : slashes.find((slash) => slash.startsWith(lower));
  const advice = near === undefined ? "/help lists them" : `did you mean ${near}?`;
  return `There is no command ${quoted(word)}: ${advice}`;
}
