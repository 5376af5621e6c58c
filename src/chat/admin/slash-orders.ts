// The operator commands that can be typed as slash commands in the terminal and the page: only
// their names, since the server parses them (admin-command.ts). Pure.

import type { AdminCommand } from "./admin-command.ts";

/** Commands that have another meaning there, or belong to the server's own terminal. */
type Elsewhere =
  | "help"
  | "who"
  | "topic"
  | "motd"
  | "info"
  | "stop"
  | "revoke"
  | "reload"
  | "export"
  // A secret must not appear in a transcript.
  | "token"
  | "tokens"
  | "untoken";

/** The compiler demands each of them. */
const orders: Readonly<Record<Exclude<AdminCommand["do"], Elsewhere>, true>> = {
  kick: true,
  ban: true,
  unban: true,
  bans: true,
  mute: true,
  unmute: true,
  mutes: true,
  pass: true,
  passes: true,
  private: true,
  public: true,
  allow: true,
  disallow: true,
  delete: true,
  forget: true,
  op: true,
  deop: true,
  ops: true,
  shared: true,
  unshare: true,
  away: true,
  mode: true,
  call: true,
  remove: true,
  claim: true,
};

/** Each with its slash. */
export const slashOrders: readonly string[] = Object.keys(orders).map((word) => `/${word}`);

/** Shown at the end of the command list, which is mostly read by people who are not operators. */
export const slashOrdersHelp = `For operators (some are for everybody): ${slashOrders.join(", ")}. A command that lacks an argument shows its usage`;
