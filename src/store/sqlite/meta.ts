// Facts about a data file, in its table `meta`.

import type { Database } from "bun:sqlite";

/**
 * `epoch` identifies the log, unknown rooms start after `floor`, and `clock_ms` is the store's
 * clock at the end of the last sweep.
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
