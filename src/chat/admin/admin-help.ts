// The list of operator commands, the same at the server and in `parley admin help`. Pure.

import { adminCommands } from "./admin-command.ts";
import type { AdminRow } from "../../protocol/messages.ts";

export function adminHelp(): readonly AdminRow[] {
  const entries = Object.values(adminCommands);
  const width = Math.max(...entries.map(({ usage }) => usage.length));
  return entries.map(({ usage, help }) => ({
    text: `${usage.padEnd(width)}  ${help}`,
    fields: { event: "command", usage, help },
  }));
}
