// Parses the composer's text: a `/` command, a message, or a mistake. A text that starts with `/`
// is never sent as text. Pure.

import { slashOrders, slashOrdersHelp } from "../chat/admin/slash-orders.ts";
import { nearestWord } from "../nearest-word.ts";
import type { MessageKind } from "../protocol/messages.ts";
import { quoted } from "../text.ts";

export type Command =
  | { type: "say"; text: string; manner?: MessageKind }
  | { type: "tell"; to: readonly string[]; text: string }
  /** Shows the room, if the user is already in it. */
  | { type: "join"; room: string; key?: string | undefined }
  /** The next room with unread messages. */
  | { type: "next-room" }
  /** Without a room: the current one. */
  | { type: "part"; room: string | undefined }
  | { type: "rename" | "invite"; name: string }
  | { type: "accept" | "reject" | "leave" }
  | { type: "send-files"; to: string }
  | AccountCommand
  | Inquiry
  /** An operator's command, which the server parses. */
  | { type: "order"; command: string }
  /** Undefined: lists the ignored users. */
  | { type: "ignore"; name: string | undefined }
  | { type: "unignore"; name: string }
  | { type: "quit" }
  /** `about`: a command, or nothing. */
  | { type: "help"; about: string }
  /** Not a command: `problem` says why. */
  | { type: "mistake"; problem: string };

export type AccountCommand =
  | { type: "register" | "password" | "drop-password" | "devices" | "device-code" }
  | { type: "revoke"; key: string };

/** Shows or fetches information, from the page or the server. */
export type Inquiry =
  /** Without a room: the current one. */
  | { type: "who"; room: string | undefined }
  | { type: "rooms" | "files" | "history" | "motd" | "notifications" }
  | { type: "search"; text: string }
  | { type: "whois"; name: string }
  | { type: "download"; name: string }
  /** `words`: as typed; whether they begin with a room depends on the existing rooms. */
  | { type: "topic"; words: string };

type Entry = {
  usage: string;
  help: string;
  /** Undefined if the argument is missing or superfluous. */
  read: (argument: string) => Command | undefined;
};

const commands = new Map<string, Entry>([
  [
    "/join",
    {
      usage: "/join ROOM [KEY]",
      help: "join a room, with its key if it asks for one, or show it",
      read: (argument) => {
        const [room = "", key, ...more] = argument.split(/ +/);
        return room === "" || more.length > 0 ? undefined : { type: "join", room, key };
      },
    },
  ],
  [
    "/part",
    {
      usage: "/part [ROOM]",
      help: "leave this room, or another one",
      read: (room) => ({ type: "part", room: room === "" ? undefined : room }),
    },
  ],
  [
    "/room",
    {
      usage: "/room [ROOM]",
      help: "switch to a room, or to the next one with unread messages",
      read: (room) => (room === "" ? { type: "next-room" } : { type: "join", room }),
    },
  ],
  [
    "/me",
    {
      usage: "/me TEXT",
      help: "say what you do: * Ann waves",
      read: (text) => (text === "" ? undefined : { type: "say", text, manner: "emote" }),
    },
  ],
  [
    "/topic",
    {
      usage: "/topic [ROOM] [TEXT|off]",
      help: "show what a room is about; operators set it",
      read: (words) => ({ type: "topic", words }),
    },
  ],
  [
    "/search",
    {
      usage: "/search TEXT",
      help: "find messages of this room that have all of these words",
      read: (text) => (text === "" ? undefined : { type: "search", text }),
    },
  ],
  [
    "/whois",
    {
      usage: "/whois NAME",
      help: "show what is known about somebody",
      read: withName("whois"),
    },
  ],
  ["/rooms", { usage: "/rooms", help: "list all rooms", read: alone({ type: "rooms" }) }],
  [
    "/who",
    {
      usage: "/who [ROOM]",
      help: "list the people in a room",
      read: (room) => ({ type: "who", room: room === "" ? undefined : room }),
    },
  ],
  ["/msg", { usage: "/msg NAME[,NAME] TEXT", help: "send a private message", read: readTell }],
  ["/nick", { usage: "/nick NAME", help: "change your name", read: withName("rename") }],
  [
    "/register",
    {
      usage: "/register",
      help: "reserve your name for yourself",
      read: alone({ type: "register" }),
    },
  ],
  [
    "/password",
    { usage: "/password [off]", help: "set a password, or remove it", read: readPassword },
  ],
  [
    "/devices",
    {
      usage: "/devices [add|revoke KEY]",
      help: "list your devices, add one, or revoke one",
      read: readDevices,
    },
  ],
  [
    "/invite",
    { usage: "/invite NAME", help: "invite to a private chat", read: withName("invite") },
  ],
  ["/accept", { usage: "/accept", help: "accept a private chat", read: alone({ type: "accept" }) }],
  [
    "/reject",
    { usage: "/reject", help: "decline a private chat", read: alone({ type: "reject" }) },
  ],
  ["/leave", { usage: "/leave", help: "end the private chat", read: alone({ type: "leave" }) }],
  [
    "/history",
    {
      usage: "/history",
      help: "show earlier messages",
      // The terminal's command takes a number.
      read: (count) => (/^\d{0,3}$/.test(count) ? { type: "history" } : undefined),
    },
  ],
  [
    "/send",
    {
      usage: "/send NAME",
      help: "choose files, and offer them to somebody",
      read: (name) => (/^\S+$/.test(name) ? { type: "send-files", to: name } : undefined),
    },
  ],
  ["/files", { usage: "/files", help: "show the shared files", read: alone({ type: "files" }) }],
  ["/get", { usage: "/get FILE", help: "download a shared file", read: withName("download") }],
  [
    "/ignore",
    {
      usage: "/ignore [NAME]",
      help: "ignore somebody; without NAME, list whom you ignore",
      read: (name) => (/\s/.test(name) ? undefined : { type: "ignore", name: name || undefined }),
    },
  ],
  [
    "/unignore",
    {
      usage: "/unignore NAME",
      help: "stop ignoring somebody",
      read: withName("unignore"),
    },
  ],
  [
    "/motd",
    {
      usage: "/motd [TEXT|off]",
      help: "show the message of the day; operators set it",
      read: readMotd,
    },
  ],
  [
    "/notify",
    {
      usage: "/notify",
      help: "choose what this browser tells you about",
      read: alone({ type: "notifications" }),
    },
  ],
  ["/quit", { usage: "/quit", help: "disconnect", read: alone({ type: "quit" }) }],
  [
    "/help",
    {
      usage: "/help [COMMAND]",
      help: "show this list, or what a command does",
      read: (about) => ({ type: "help", about }),
    },
  ],
]);

/** Parses what was typed. `//text` sends `/text`. */
export function readLine(line: string): Command {
  const typed = line.trim();
  if (!typed.startsWith("/")) return { type: "say", text: line };
  if (typed.startsWith("//")) return { type: "say", text: typed.slice(1) };
  const [, word = "", argument = ""] = /^(\S+)\s*(.*)$/s.exec(typed) ?? [];
  const slash = word.toLowerCase();
  const entry = commands.get(slash);
  if (entry !== undefined) {
    return entry.read(argument) ?? { type: "mistake", problem: `Usage: ${entry.usage}` };
  }
  if (slashOrders.includes(slash)) {
    return { type: "order", command: `${slash.slice(1)} ${argument}`.trim() };
  }
  return { type: "mistake", problem: unknownCommand(word) };
}

/** Commands of the terminal client that need a key, which a browser does not have. */
const keyCommands = new Set(["/verify", "/verified", "/accept-key", "/link"]);

function unknownCommand(word: string): string {
  if (keyCommands.has(word.toLowerCase())) {
    return `${word} works with a device's key, which a browser does not have: use parley client.`;
  }
  const all = [...commands.keys(), ...slashOrders];
  const near = word.length > maxMistypedChars ? undefined : nearestWord(word, all);
  const advice = near === undefined ? "/help lists them." : `did you mean ${near}?`;
  return `There is no command ${quoted(word)}: ${advice} Start with // to send it as text.`;
}

/** A longer word is not a typing mistake, and comparing it takes long. */
const maxMistypedChars = 20;

/** Whether `readLine` treats the line as a command. */
export function isCommand(line: string): boolean {
  return /^\s*\/(?!\/)/.test(line);
}

/** One line per command, or what one does. */
export function helpText(about = ""): string {
  const entry = commands.get(`/${about.toLowerCase().replace("/", "")}`);
  if (entry !== undefined) return helpRow(entry);
  const rows = Array.from(commands.values(), helpRow);
  return [...rows, slashOrdersHelp, "//TEXT – send a message that starts with /"].join("\n");
}

function helpRow({ usage, help }: Entry): string {
  return `${usage} – ${help}`;
}

function readMotd(argument: string): Command {
  if (argument === "") return { type: "motd" };
  return { type: "order", command: argument === "off" ? "motd" : `motd ${argument}` };
}

function readPassword(argument: string): Command | undefined {
  if (argument === "") return { type: "password" };
  return argument === "off" ? { type: "drop-password" } : undefined;
}

function readDevices(argument: string): Command | undefined {
  if (argument === "") return { type: "devices" };
  if (argument === "add") return { type: "device-code" };
  const [, key] = /^revoke\s+(\S+)$/.exec(argument) ?? [];
  return key === undefined ? undefined : { type: "revoke", key };
}

function alone(command: Command): Entry["read"] {
  return (argument) => (argument === "" ? command : undefined);
}

function withName<What extends "rename" | "invite" | "download" | "whois" | "unignore">(
  type: What,
): (name: string) => { type: What; name: string } | undefined {
  return (name) => (name === "" ? undefined : { type, name });
}

function readTell(argument: string): Command | undefined {
  const [, names = "", text = ""] = /^(\S+)\s+(.*)$/s.exec(argument) ?? [];
  const to = names.split(",").filter((name) => name !== "");
  return to.length === 0 || text.trim() === "" ? undefined : { type: "tell", to, text };
}
