// Opens what a server remembers in: an SQLite file, or memory; and the registry of peers that is
// kept beside it.

import { Registry } from "../cpp/registry.ts";
import { openMemoryStore } from "./memory.ts";
import { openRegistrations } from "./registrations.ts";
import type { Synchronous } from "./sqlite-file.ts";
import { openSqliteStore } from "./sqlite.ts";
import { startSweeper, type Store } from "./store.ts";

export type OpenStore = {
  store: Store;
  registry: Registry;
  close(): void;
};

/**
 * `path` undefined: in memory. `log` hears what could not be kept.
 * @throws ParleyError `storage` when the file can't be used
 */
export function openStore(
  path: string | undefined,
  log: (line: string) => void,
  synchronous: Synchronous = "normal",
): OpenStore {
  if (path === undefined) {
    const store = openMemoryStore();
    const stopSweeper = startSweeper(store);
    return {
      store,
      registry: new Registry(),
      close() {
        stopSweeper();
        store.close();
      },
    };
  }
  const store = openSqliteStore(path, { synchronous });
  const stopSweeper = startSweeper(store);
  const registrations = openRegistrations(store, (error) => {
    log(`A registration was not kept: ${error instanceof Error ? error.message : String(error)}`);
  });
  return {
    store,
    registry: registrations.registry,
    close() {
      stopSweeper();
      registrations.close();
      store.close();
    },
  };
}
