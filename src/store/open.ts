// Opens what a server remembers in: an SQLite file, or memory; and the registry that is kept beside it.

import type { History } from "../chat/history.ts";
import { unixMs } from "../io/clock.ts";
import { Registry } from "../cpp/registry.ts";
import { openMemoryHistory } from "./memory.ts";
import { openRegistrations } from "./registrations.ts";
import type { Synchronous } from "./sqlite-file.ts";
import { openSqliteHistory } from "./sqlite.ts";
import { keepTidy } from "./store.ts";

export type OpenStore = {
  history: History;
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
    const store = openMemoryHistory();
    const untidy = keepTidy(store, unixMs);
    return {
      history: store,
      registry: new Registry(),
      close() {
        untidy();
        store.close();
      },
    };
  }
  const store = openSqliteHistory(path, { synchronous });
  const untidy = keepTidy(store, unixMs);
  const registrations = openRegistrations(store.db, (error) => {
    log(`A registration was not kept: ${error instanceof Error ? error.message : String(error)}`);
  });
  return {
    history: store,
    registry: registrations.registry,
    close() {
      untidy();
      registrations.close();
      store.close();
    },
  };
}
