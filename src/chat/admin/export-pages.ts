// An export comes page by page: the order for the next one. Pure.

import { readAdminCommand } from "./admin-command.ts";
import type { AdminRow } from "./answer.ts";

/** Undefined: that was no export, or its last page. */
export function nextExport(
  line: string,
  rows: readonly Pick<AdminRow, "fields">[],
): string | undefined {
  const command = readAdminCommand(line);
  if (typeof command === "string" || command.do !== "export") return undefined;
  const last = rows.at(-1)?.fields["seq"];
  // Numbers must ascend, or a server could make this go on for ever.
  if (typeof last !== "number" || last <= command.after) return undefined;
  return `export ${command.room} ${last}`;
}
