// Parses the composer's text: a `/` command, a message, or a mistake. Pure.

import { slashOrders, slashOrdersHelp } from "../chat/admin/slash-orders.ts";
import {
  bare,
  commandCalled,
  named,
  readLine,
  sharedCommands,
  type SharedInquiry,
  type SharedLine,
  type SlashCommand,
  type SlashCommands,
  unknownCommand,
} from "../client/slash-commands.ts";

export type Command =
  | SharedLine
  | Inquiry
  | { do: "send-files"; to: string }
  /** `about`: a command, or nothing. */
  | { do: "help"; about: string };

/** Shows or fetches information, from the page or the server. */
export type Inquiry =
  SharedInquiry | { do: "get"; name: string } | { do: "history" | "notifications" };

const commands: SlashCommands<Command> = {
  ...sharedCommands,
  "/history": {
    usage: "/history",
    help: "show earlier messages",
    // The terminal's command takes a number.
    read: (count) => (/^\d*$/.test(count) ? { do: "history" } : undefined),
  },
  "/send": {
    usage: "/send NAME",
    help: "choose files, and offer them to somebody",
    read: (name) => (/^\S+$/.test(name) ? { do: "send-files", to: name } : undefined),
  },
  "/get": { usage: "/get FILE", help: "download a shared file", read: named("get") },
  "/notify": {
    usage: "/notify",
    help: "choose what this browser tells you about",
    read: bare("notifications"),
  },
  "/help": {
    usage: "/help [COMMAND]",
    help: "show this list, or what a command does",
    read: (about) => ({ do: "help", about }),
  },
};

/** Parses what was typed. */
export function readComposed(line: string): Command {
  return readLine(line, commands, (word, argument) => {
    const slash = word.toLowerCase();
    return slashOrders.includes(slash)
      ? { do: "order", command: `${slash.slice(1)} ${argument}`.trim() }
      : { do: "explain", text: problemWith(word) };
  });
}

/** Commands of the terminal client that need a key, which a browser does not have. */
const keyCommands = new Set(["/verify", "/verified", "/accept-key", "/link"]);

function problemWith(word: string): string {
  if (keyCommands.has(word.toLowerCase())) {
    return `${word} works with a device's key, which a browser does not have: use parley client.`;
  }
  const problem = unknownCommand(word, [...Object.keys(commands), ...slashOrders]);
  return `${problem}${problem.endsWith("?") ? "" : "."} Start with // to send it as text.`;
}

/** Whether `readComposed` treats the line as a command. */
export function isCommand(line: string): boolean {
  return /^\s*\/(?!\/)/.test(line);
}

/** One line per command, or what one does. */
export function helpText(about = ""): string {
  const command = commandCalled(about, commands);
  if (command !== undefined) return helpRow(command);
  const rows = Object.values(commands).map(helpRow);
  return [...rows, slashOrdersHelp, "//TEXT – send a message that starts with /"].join("\n");
}

function helpRow({ usage, help }: SlashCommand<Command>): string {
  return `${usage} – ${help}`;
}
