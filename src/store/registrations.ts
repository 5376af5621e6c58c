// Stores the peer registry in the data file: loads it at startup and writes each change. The
// registry itself does not know about it.

import { fold } from "../chat/names/grammar.ts";
import { type PersistedRegistration, Registry, type RegistryChange } from "../cpp/registry.ts";
import { steadyMs } from "../io/clock.ts";
import type { SqliteStore } from "./sqlite/store.ts";

type Row = {
  id: string;
  ip: string;
  port: number;
  registered_ms: number;
  waiting_since_ms: number | null;
  handed_out: number;
  /** Empty: not known. */
  network: string;
};

/**
 * The registry stored in a data file. A change that can't be written is reported to `onError` but
 * still applies in memory, so that the peer can be called.
 */
export function openRegistrations(
  store: Pick<SqliteStore, "db" | "transact">,
  onError: (error: unknown) => void,
  maxEntries?: number,
): { registry: Registry; close(): void } {
  const put = store.db.prepare<
    never,
    [string, string, string, number, number, number | null, number, string]
  >(
    `INSERT OR REPLACE INTO registrations
       (folded, id, ip, port, registered_ms, waiting_since_ms, handed_out, network)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const remove = store.db.prepare<never, [string]>("DELETE FROM registrations WHERE folded = ?");

  const write = (change: RegistryChange): void => {
    const key = fold(change.entry.id);
    try {
      store.transact(() => {
        if (change.kind === "removed") remove.run(key);
        else {
          const { entry } = change;
          const { id, ip, port, registeredAtMs, waitingSinceMs, handedOut, network } = entry;
          const waiting = waitingSinceMs ?? null;
          put.run(key, id, ip, port, registeredAtMs, waiting, handedOut ? 1 : 0, network ?? "");
        }
      });
    } catch (error) {
      onError(error);
    }
  };

  const registry = new Registry({
    onChange: write,
    ...(maxEntries === undefined ? {} : { maxEntries }),
  });
  const kept = store.db.query<Row, []>("SELECT * FROM registrations").all().map(registration);
  registry.restore(kept, steadyMs());
  for (const entry of kept) {
    if (registry.find(entry.id) === undefined) write({ kind: "removed", entry });
  }
  return {
    registry,
    close() {
      put.finalize();
      remove.finalize();
    },
  };
}

function registration(row: Row): PersistedRegistration {
  const { id, ip, port, registered_ms: registeredAtMs, waiting_since_ms } = row;
  const waits = waiting_since_ms === null ? {} : { waitingSinceMs: waiting_since_ms };
  const network = row.network === "" ? undefined : row.network;
  return { id, ip, port, registeredAtMs, ...waits, handedOut: row.handed_out === 1, network };
}
