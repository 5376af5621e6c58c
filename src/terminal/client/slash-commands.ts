// The slash commands of the prompt, and how a typed line is parsed: as a command or a message.
// Pure.

import { adminCommands } from "../../chat/admin/admin-command.ts";
import { slashOrders, slashOrdersHelp } from "../../chat/admin/slash-orders.ts";
import {
  bare,
  commandCalled,
  named,
  readLine,
  sharedCommands,
  type SharedInquiry,
  type SharedLine,
  type SlashCommand,
  unknownCommand,
} from "../../client/slash-commands.ts";
import { history } from "../../limits.ts";
import { type TextArea, wrapWords } from "../output/wrap.ts";

/** The meaning of a typed line. */
export type TypedLine =
  | SharedLine
  | Inquiry
  | { do: "help" | "nothing" }
  | { do: "link" | "verify" | "verified" | "accept-key"; name: string }
  | FileLine;

export type FileLine =
  | { do: "get" | "decline"; name: string }
  /** `paths`: as typed. */
  | { do: "send"; to: string; paths: string }
  /** The same for everybody: puts files into the shared folder and notifies the current room. */
  | { do: "share"; paths: string };

export type Inquiry = SharedInquiry | { do: "history"; limit: number };

/** `isOrder`: only for operators. */
type PromptCommand = SlashCommand<TypedLine> & { isOrder?: true };

export const slashCommands: Readonly<Record<string, PromptCommand>> = {
  "/help": {
    usage: "/help [COMMAND]",
    help: "show this list, or what a command does",
    completes: "command",
    read: (about) => (about === "" ? { do: "help" } : { do: "explain", text: helpOn(about) }),
  },
  ...sharedCommands,
  "/history": {
    usage: "/history [N]",
    help: `show the last N messages (20, at most ${history.pageMessages})`,
    read: (argument) =>
      /^\d*$/.test(argument)
        ? { do: "history", limit: historyLimit(Number(argument || 20)) }
        : undefined,
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
    read: (paths) => (paths === "" ? undefined : { do: "share", paths }),
  },
  "/decline": {
    usage: "/decline [N]",
    help: "decline an offer",
    read: (name) => ({ do: "decline", name }),
  },
  ...operatorCommands(),
  "/quit": { usage: "/quit", help: "leave, as does Ctrl-D", read: bare("quit") },
};

function operatorCommands(): Record<string, PromptCommand> {
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

/** Parses one typed line. */
export function readTyped(line: string): TypedLine {
  if (line.trim() === "") return { do: "nothing" };
  return readLine(line, slashCommands, (word) => {
    const problem = unknownTyped(word);
    const text = `${problem}${problem.endsWith("?") ? " To" : "; to"} say it, type another / before it`;
    return { do: "explain", text };
  });
}

function unknownTyped(word: string): string {
  return unknownCommand(word, Object.keys(slashCommands));
}

function helpOn(about: string): string {
  const command = commandCalled(about, slashCommands);
  if (command !== undefined) return `${command.usage}: ${command.help}`;
  return unknownTyped(about.startsWith("/") ? about : `/${about}`);
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

function historyLimit(wanted: number): number {
  return Math.min(Math.max(1, wanted), history.pageMessages);
}
