// What a line typed at the prompt means: `/` commands, S1's words, or a message. A table; pure.

import { quoted } from "../text.ts";
import { type Page, wrapWords } from "./wrap.ts";

type Bare = "who" | "rooms" | "files" | "accept" | "reject" | "leave" | "quit" | "help" | "nothing";
type Named = "room" | "nick" | "invite" | "get";

/** What to do for a typed line. */
export type Action =
  | { do: "say"; text: string }
  | { do: "tell"; to: readonly string[]; text: string }
  | { do: Bare }
  | { do: Named; name: string }
  | { do: "history"; limit: number }
  /** A sentence for whoever typed it. */
  | { do: "explain"; text: string };

/** What Tab completes in a command's argument. */
export type Completes = "name" | "room" | "file";

type CommandEntry = {
  usage: string;
  help: string;
  completes?: Completes;
  /** Undefined: used wrongly. */
  read: (argument: string) => Action | undefined;
};

const bare = (what: Bare) => (argument: string) =>
  argument === "" ? ({ do: what } as const) : undefined;
const named = (what: Named) => (argument: string) =>
  argument === "" ? undefined : ({ do: what, name: argument } as const);

export const commands: Readonly<Record<string, CommandEntry>> = {
  "/help": { usage: "/help", help: "this list", read: bare("help") },
  "/who": { usage: "/who", help: "who is in the room (also show)", read: bare("who") },
  "/msg": {
    usage: "/msg NAME[,NAME] TEXT",
    help: "to these people alone (also ~NAME TEXT)",
    completes: "name",
    read: readMessage,
  },
  "/room": {
    usage: "/room NAME",
    help: "go to another room",
    completes: "room",
    read: named("room"),
  },
  "/rooms": { usage: "/rooms", help: "rooms there are", read: bare("rooms") },
  "/nick": { usage: "/nick NAME", help: "change your name", read: named("nick") },
  "/invite": {
    usage: "/invite NAME",
    help: "ask for a private chat",
    completes: "name",
    read: named("invite"),
  },
  "/accept": { usage: "/accept", help: "yes to who asks", read: bare("accept") },
  "/reject": { usage: "/reject", help: "no to who asks", read: bare("reject") },
  "/leave": { usage: "/leave", help: "end the private chat", read: bare("leave") },
  "/files": {
    usage: "/files",
    help: "files there are to fetch (also get_list_file)",
    read: bare("files"),
  },
  "/get": {
    usage: "/get NAME",
    help: "fetch a file (also download_file NAME)",
    completes: "file",
    read: named("get"),
  },
  "/history": {
    usage: "/history [N]",
    help: "the last N messages of the room (20)",
    read: (argument) =>
      /^\d{0,3}$/.test(argument)
        ? { do: "history", limit: Math.max(1, Number(argument || 20)) }
        : undefined,
  },
  "/quit": { usage: "/quit", help: "leave (also {quit} or Ctrl-D)", read: bare("quit") },
};

/** Reads one typed line. `//text` says `/text`. */
export function readTyped(line: string): Action {
  const typed = line.trim();
  if (typed === "") return { do: "nothing" };
  if (typed.startsWith("//")) return { do: "say", text: typed.slice(1) };
  if (typed.startsWith("/")) return readCommand(typed);
  return readClassic(typed) ?? { do: "say", text: line };
}

function readCommand(typed: string): Action {
  const [, word = typed, rest = ""] = /^(\S+)\s*(.*)$/s.exec(typed) ?? [];
  const entry = Object.hasOwn(commands, word.toLowerCase())
    ? commands[word.toLowerCase()]
    : undefined;
  if (entry === undefined) {
    const text = `There is no command ${quoted(word)}: /help lists them; to say it, begin with //`;
    return { do: "explain", text };
  }
  return entry.read(rest.trim()) ?? { do: "explain", text: `Usage: ${entry.usage}` };
}

/** The words of S1's client (docs/dialects.md). */
function readClassic(typed: string): Action | undefined {
  if (typed === "show") return { do: "who" };
  if (typed === "get_list_file") return { do: "files" };
  if (typed === "{quit}") return { do: "quit" };
  const download = /^download_file\s+(.+)$/s.exec(typed);
  if (download?.[1] !== undefined) return { do: "get", name: download[1] };
  if (!/^~\S/.test(typed)) return undefined;
  return readMessage(typed.slice(1)) ?? { do: "explain", text: "Usage: ~NAME TEXT" };
}

function readMessage(argument: string): Action | undefined {
  const [, names = "", text = ""] = /^(\S+)\s+(.*)$/s.exec(argument) ?? [];
  const to = names.split(",").filter((name) => name !== "");
  return to.length === 0 || text.trim() === "" ? undefined : { do: "tell", to, text };
}

/** Where there is less room than this for what commands do, it goes below them. */
const minHelpColumns = 20;

/** The rows of `/help` on a terminal of that width. */
export function helpRows(page: Page): string[] {
  const entries = Object.values(commands);
  const width = Math.max(...entries.map(({ usage }) => usage.length));
  const beside = page.columns - width - 4 >= minHelpColumns;
  const rows = entries.flatMap(({ usage, help }) => {
    if (beside) {
      const other = " ".repeat(width + 4);
      return wrapWords(help, page, { first: `  ${usage.padEnd(width)}  `, other });
    }
    return [
      ...wrapWords(usage, page, { first: "  ", other: "    " }),
      ...wrapWords(help, page, { first: "      ", other: "      " }),
    ];
  });
  const rest =
    "Anything else is said to the room, or to the partner of a private chat. Tab completes.";
  return [...rows, ...wrapWords(rest, page, { first: "  ", other: "  " })];
}
