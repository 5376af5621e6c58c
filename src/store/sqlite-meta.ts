// Facts about a data file, in its table `meta`.

import type { Database } from "bun:sqlite";

/**
 * `epoch` names the log, rooms that are not in the file begin after `floor`, and `clock_ms` is
 * where the store's clock was at the end of the last sweep.
 */
type Key = "epoch" | "floor" | "clock_ms";

export function readMeta(db: Database, key: Key): string | undefined {
  const row = db
    .query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?")
    .get(key);
  return row?.value;
}

export function writeMeta(db: Database, key: Key, value: string | number): void {
  db.query("INSERT OR REPLACE INTO meta VALUES (?, ?)").run(key, String(value));
}
