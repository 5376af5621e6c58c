// The orders that operators type in the terminal and the page, beginning with a slash. Pure.

import { type AdminCommand, adminCommands } from "./admin-command.ts";

/** Words that mean something else there, or belong to the server's own terminal. */
const elsewhere: ReadonlySet<string> = new Set<AdminCommand["do"]>([
  "help",
  "who",
  "info",
  "stop",
  "revoke",
  "reload",
  "export",
]);

export type SlashOrder = { slash: string; usage: string; help: string };

export const slashOrders: readonly SlashOrder[] = Object.entries(adminCommands).flatMap(
  ([word, { usage, help }]) =>
    elsewhere.has(word) ? [] : [{ slash: `/${word}`, usage: `/${usage}`, help }],
);

/** For the end of a list of commands, which most people read without being operators. */
export const slashOrdersHelp = `For operators: ${slashOrders.map(({ slash }) => slash).join(", ")}; each alone shows its usage`;
