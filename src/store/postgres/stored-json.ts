// Reads JSON that a server of the database has written. It may be damaged: that is refused like
// anything else that can't be read, and must end neither this process nor what else it does.

import { Refused } from "./database.ts";

/** PostgreSQL's SQLSTATE for that. */
const dataCorrupted = "XX001";

/** `what`: what it belongs to. @throws Refused */
export function readStored<T>(json: string, what: string): T {
  try {
    return JSON.parse(json);
  } catch {
    throw new Refused(`${what} is damaged`, dataCorrupted);
  }
}
