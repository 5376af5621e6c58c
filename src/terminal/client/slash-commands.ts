// The slash commands of the prompt as a table, and how a typed line is parsed: as a command or a
// message. Pure.

import { adminCommands } from "../../chat/admin/admin-command.ts";
import { slashOrders, slashOrdersHelp } from "../../chat/admin/slash-orders.ts";
import type { MessageKind } from "../../protocol/messages.ts";
import { nearestWord } from "../../nearest-word.ts";
import { quoted } from "../../text.ts";
import { type TextArea, wrapWords } from "../output/wrap.ts";

type Bare =
  | "register"
  | "devices"
  | "device-code"
  | "set-password"
  | "drop-password"
  | "accept"
  | "reject"
  | "leave"
  | "quit"
  | "help"
  | "nothing";
type Named = "nick" | "invite" | "link" | "revoke" | "verify" | "verified" | "accept-key";

/** The meaning of a typed line. */
export type TypedLine =
  | { do: "say"; text: string; kind?: MessageKind }
  | { do: "tell"; to: readonly string[]; text: string }
  | { do: Bare }
  | { do: Named; name: string }
  | { do: "get" | "decline"; name: string }
  /** `paths`: as typed. */
  | { do: "send"; to: string; paths: string }
  /** The same for everybody: puts files into the shared folder and notifies the current room. */
  | { do: "share"; paths: string }
  /** `room` undefined: the current room, or for `go` the next one with unread messages. */
  | { do: "go"; room: string | undefined; key?: string | undefined }
  | { do: "part"; room: string | undefined }
  | Inquiry
  /** Undefined: lists the ignored people. */
  | { do: "ignore"; name: string | undefined }
  | { do: "unignore"; name: string }
  /** An operator command, in the server's syntax. */
  | { do: "order"; command: string }
  /** An error message for the person who typed the line. */
  | { do: "explain"; text: string };

/** Shows information, known here or requested from the server. */
export type Inquiry =
  | { do: "rooms" | "files" | "motd" }
  | { do: "who"; room: string | undefined }
  | { do: "history"; limit: number }
  | { do: "whois"; name: string }
  | { do: "search"; text: string }
  /** `words`: as typed; whether they begin with a room depends on the user's rooms. */
  | { do: "topic"; words: string };

/** What Tab completes in a command's argument. */
export type Completes = "name" | "room" | "file" | "path" | "command";

type SlashCommand = {
  usage: string;
  help: string;
  completes?: Completes;
  /** Only for operators. */
  isOrder?: true;
  /** Undefined: wrong usage. */
  read: (argument: string) => TypedLine | undefined;
};

const bare =
  <What extends string>(what: What) =>
  (argument: string) =>
    argument === "" ? { do: what } : undefined;
const named =
  <What extends string>(what: What) =>
  (argument: string) =>
    argument === "" ? undefined : { do: what, name: argument };
const inRoom =
  <What extends string>(what: What) =>
  (argument: string) => ({ do: what, room: argument === "" ? undefined : argument });

export const slashCommands: Readonly<Record<string, SlashCommand>> = {
  "/help": {
    usage: "/help [COMMAND]",
    help: "show this list, or what a command does",
    completes: "command",
    read: (about) => (about === "" ? { do: "help" } : { do: "explain", text: helpOn(about) }),
  },
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
    read: (argument) =>
      argument === "" ? undefined : { do: "say", text: argument, kind: "emote" },
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
    help: "leave a room",
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
    read: (argument) => ({ do: "topic", words: argument }),
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
  "/link": {
    usage: "/link CODE",
    help: "add this device to your name, with a code from another",
    read: named("link"),
  },
  "/verify": {
    usage: "/verify NAME",
    help: "compare keys with somebody, written as words",
    completes: "name",
    read: named("verify"),
  },
  "/verified": {
    usage: "/verified NAME",
    help: "confirm that the words matched",
    completes: "name",
    read: named("verified"),
  },
  "/accept-key": {
    usage: "/accept-key NAME",
    help: "trust somebody's changed key, and send to it again",
    completes: "name",
    read: named("accept-key"),
  },
  "/password": {
    usage: "/password [off]",
    help: "set a password, for browsers and old clients",
    read: (argument) =>
      argument === ""
        ? { do: "set-password" }
        : argument === "off"
          ? { do: "drop-password" }
          : undefined,
  },
  "/invite": {
    usage: "/invite NAME",
    help: "ask for a private chat",
    completes: "name",
    read: named("invite"),
  },
  "/accept": { usage: "/accept", help: "accept a private chat", read: bare("accept") },
  "/reject": { usage: "/reject", help: "reject a private chat", read: bare("reject") },
  "/leave": { usage: "/leave", help: "end the private chat", read: bare("leave") },
  "/files": { usage: "/files", help: "list the shared files", read: bare("files") },
  "/get": {
    usage: "/get [FILE|N]",
    help: "fetch a shared file, or accept an offer",
    completes: "file",
    read: (name) => ({ do: "get", name }),
  },
  "/send": {
    usage: "/send NAME PATH…",
    help: "send files and folders to somebody",
    completes: "name",
    read: (argument) => {
      const [, to, paths] = /^(\S+)\s+(.+)$/.exec(argument) ?? [];
      return to === undefined || paths === undefined ? undefined : { do: "send", to, paths };
    },
  },
  "/share": {
    usage: "/share PATH…",
    help: "put files and folders into the shared folder, and tell the room; /unshare removes them",
    completes: "path",
    read: (argument) => (argument === "" ? undefined : { do: "share", paths: argument }),
  },
  "/decline": {
    usage: "/decline [N]",
    help: "decline an offer",
    read: (name) => ({ do: "decline", name }),
  },
  "/history": {
    usage: "/history [N]",
    help: "show the last N messages (20)",
    read: (argument) =>
      /^\d{0,3}$/.test(argument)
        ? { do: "history", limit: Math.max(1, Number(argument || 20)) }
        : undefined,
  },
  "/search": {
    usage: "/search TEXT",
    help: "find messages of this room that have all of these words",
    read: (argument) => (argument === "" ? undefined : { do: "search", text: argument }),
  },
  "/ignore": {
    usage: "/ignore [NAME]",
    help: "ignore somebody; without NAME, list whom you ignore",
    completes: "name",
    read: (argument) =>
      /\s/.test(argument) ? undefined : { do: "ignore", name: argument || undefined },
  },
  "/unignore": {
    usage: "/unignore NAME",
    help: "stop ignoring somebody",
    completes: "name",
    read: (argument) => (argument === "" ? undefined : { do: "unignore", name: argument }),
  },
  "/motd": {
    usage: "/motd [TEXT|off]",
    help: "show the message of the day; operators set it",
    read: readMotd,
  },
  ...operatorCommands(),
  "/quit": { usage: "/quit", help: "leave, as does Ctrl-D", read: bare("quit") },
};

function operatorCommands(): Record<string, SlashCommand> {
  const entries = Object.entries(adminCommands).map(([word, { usage, help }]) => {
    // The server parses it, and says what is wrong with it.
    const read = (argument: string) =>
      ({ do: "order", command: `${word} ${argument}`.trim() }) as const;
    const completes = word === "unshare" ? "file" : "name";
    const command = { usage: `/${usage}`, help, completes, isOrder: true, read } as const;
    return [`/${word}`, command] as const;
  });
  return Object.fromEntries(entries.filter(([slash]) => slashOrders.includes(slash)));
}

/** Parses one typed line. `//text` says `/text`. */
export function readTyped(line: string): TypedLine {
  const typed = line.trim();
  if (typed === "") return { do: "nothing" };
  if (typed.startsWith("//")) return { do: "say", text: typed.slice(1) };
  return typed.startsWith("/") ? readCommand(typed) : { do: "say", text: line };
}

function readCommand(typed: string): TypedLine {
  const [, word = typed, rest = ""] = /^(\S+)\s*(.*)$/s.exec(typed) ?? [];
  const command = commandCalled(word);
  if (command === undefined) return { do: "explain", text: unknownCommand(word) };
  return command.read(rest.trim()) ?? { do: "explain", text: `Usage: ${command.usage}` };
}

function commandCalled(word: string): SlashCommand | undefined {
  const lower = word.toLowerCase();
  return Object.hasOwn(slashCommands, lower) ? slashCommands[lower] : undefined;
}

/** `/help msg` and `/help /msg`. */
function helpOn(about: string): string {
  const word = about.startsWith("/") ? about : `/${about}`;
  const command = commandCalled(word);
  return command === undefined
    ? `There is no command ${quoted(word)}: ${adviceOn(word)}`
    : `${command.usage}: ${command.help}`;
}

/**
 * Word lengths for which the nearest command is suggested: short words are close to too many
 * commands, a very long word is not a typo, and edit distance gets slow.
 */
const mistypedChars = { min: 4, max: 20 } as const;

function unknownCommand(word: string): string {
  const advice = adviceOn(word);
  const sentence = `There is no command ${quoted(word)}: ${advice}`;
  return `${sentence}${advice.endsWith("?") ? " To" : "; to"} say it, type another / before it`;
}

function adviceOn(word: string): string {
  const near = nearestCommand(word.toLowerCase());
  return near === undefined ? "/help lists them" : `did you mean ${near}?`;
}

function nearestCommand(word: string): string | undefined {
  const names = Object.keys(slashCommands);
  const isMistyped = word.length >= mistypedChars.min && word.length <= mistypedChars.max;
  return isMistyped ? nearestWord(word, names) : names.find((name) => name.startsWith(word));
}

function readMotd(argument: string): TypedLine {
  if (argument === "") return { do: "motd" };
  return { do: "order", command: argument === "off" ? "motd" : `motd ${argument}` };
}

function readDevices(argument: string): TypedLine | undefined {
  if (argument === "") return { do: "devices" };
  if (argument === "add") return { do: "device-code" };
  const [, key] = /^revoke\s+(\S+)$/.exec(argument) ?? [];
  return key === undefined ? undefined : { do: "revoke", name: key };
}

function readMessage(argument: string): TypedLine | undefined {
  const [, names = "", text = ""] = /^(\S+)\s+(.*)$/s.exec(argument) ?? [];
  const to = names.split(",").filter((name) => name !== "");
  return to.length === 0 || text.trim() === "" ? undefined : { do: "tell", to, text };
}

/** If fewer columns than this remain for a description, it goes below the command's usage. */
const minHelpColumns = 20;

/** The rows of `/help`. */
export function helpRows(area: TextArea): string[] {
  const entries = Object.values(slashCommands).filter(({ isOrder }) => isOrder !== true);
  const width = Math.max(...entries.map(({ usage }) => usage.length));
  const beside = area.columns - width - 4 >= minHelpColumns;
  const rows = entries.flatMap(({ usage, help }) => {
    if (beside) {
      const other = " ".repeat(width + 4);
      return wrapWords(help, area, { first: `  ${usage.padEnd(width)}  `, other });
    }
    return [
      ...wrapWords(usage, area, { first: "  ", other: "    " }),
      ...wrapWords(help, area, { first: "      ", other: "      " }),
    ];
  });
  const rest =
    "Anything else is said to the room, or to the partner of a private chat. Begin with // to say " +
    "a line that begins with /. Tab completes, Ctrl-R searches what you typed.";
  const indent = { first: "  ", other: "  " };
  return [...rows, ...wrapWords(slashOrdersHelp, area, indent), ...wrapWords(rest, area, indent)];
}
