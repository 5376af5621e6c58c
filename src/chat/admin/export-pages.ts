// Paging of an export: the command for the next page. Pure.

import { readAdminCommand } from "./admin-command.ts";
import type { AdminRow } from "../../protocol/messages.ts";

/** Undefined if it was not an export, or the page was its last. */
export function nextExport(
  line: string,
  rows: readonly Pick<AdminRow, "fields">[],
): string | undefined {
  const command = readAdminCommand(line);
  if (typeof command === "string" || command.do !== "export") return undefined;
  const last = rows.at(-1)?.fields["seq"];
  // Numbers must ascend; otherwise a server could make this continue forever.
  if (typeof last !== "number" || last <= command.after) return undefined;
  return `export ${command.room} ${last}`;
}
