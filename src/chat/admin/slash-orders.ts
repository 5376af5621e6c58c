// The operator commands that can be typed as slash commands in the terminal and the page. Pure.

import { type AdminCommand, adminCommands } from "./admin-command.ts";

/** Commands that have another meaning there, or belong to the server's own terminal. */
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
  // A secret must not appear in a transcript.
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

/** Shown at the end of the command list, which is mostly read by people who are not operators. */
export const slashOrdersHelp = `For operators (some are for everybody): ${slashOrders.map(({ slash }) => slash).join(", ")}. Each shows its usage without an argument that it needs`;
