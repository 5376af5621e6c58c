// Opens a server's store, in an SQLite file or in memory, and the registry of peers beside it.

import { Registry } from "../cpp/registry.ts";
import { steadyMs } from "../io/clock.ts";
import { openMemoryStore } from "./memory.ts";
import { openRegistrations } from "./registrations.ts";
import type { Retention } from "./retention.ts";
import type { ServerStore } from "./server-store.ts";
import { dataFilePaths, type Synchronous } from "./sqlite-file.ts";
import { openSqliteStore } from "./sqlite.ts";
import { startSweeper } from "./sweeper.ts";

export type OpenStore = {
  store: ServerStore;
  registry: Registry;
  /** Real paths of the store's files. */
  paths: readonly string[];
  close(): void;
};

export type OpenStoreOptions = { synchronous?: Synchronous; retention?: Partial<Retention> };

/**
 * In memory if `path` is undefined. `log` receives write failures of the registry.
 * @throws ParleyError `storage` if the file can't be used
 */
export function openStore(
  path: string | undefined,
  log: (line: string) => void,
  { synchronous = "normal", retention = {} }: OpenStoreOptions = {},
): OpenStore {
  if (path === undefined) {
    const store = openMemoryStore({ retention });
    const stopSweeper = startSweeper(store);
    return {
      store,
      registry: new Registry(),
      paths: [],
      close() {
        stopSweeper();
        store.close();
      },
    };
  }
  const store = openSqliteStore(path, { synchronous, retention });
  store.resumeSessions(steadyMs());
  const stopSweeper = startSweeper(store);
  const registrations = openRegistrations(store, (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    log(`A registration was not written to the data file: ${reason}`);
  });
  return {
    store,
    registry: registrations.registry,
    paths: dataFilePaths(path),
    close() {
      stopSweeper();
      registrations.close();
      store.close();
    },
  };
}
