// The orders that operators type in the terminal and the page, beginning with a slash. Pure.

import { type AdminCommand, adminCommands } from "./admin-command.ts";

/** Words that mean more there, or something else, or belong to the server's own terminal. */
const elsewhere: ReadonlySet<string> = new Set<AdminCommand["do"]>([
  "help",
  "who",
  "topic",
  "motd",
  "info",
  "stop",
  "revoke",
  "reload",
  "export",
  // A secret has no place in a transcript.
  "token",
  "tokens",
  "untoken",
]);

export type SlashOrder = { slash: string; usage: string; help: string };

function orderOf(word: AdminCommand["do"]): SlashOrder {
  const { usage, help } = adminCommands[word];
  return { slash: `/${word}`, usage: `/${usage}`, help };
}

export const slashOrders: readonly SlashOrder[] = (
  Object.keys(adminCommands) as AdminCommand["do"][]
).flatMap((word) => (elsewhere.has(word) ? [] : [orderOf(word)]));

/** For the end of a list of commands, which most people read without being operators. */
export const slashOrdersHelp = `For operators (some are for everybody): ${slashOrders.map(({ slash }) => slash).join(", ")}. Each of them alone shows its usage`;
