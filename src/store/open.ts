// Opens what a server remembers in: a SQLite file, or memory; and the registry that is kept beside it.

import type { History } from "../chat/history.ts";
import { Registry } from "../registry/registry.ts";
import { openMemoryHistory } from "./memory.ts";
import { keepTidy } from "./store.ts";

export type OpenStore = {
  history: History;
  registry: Registry;
  close(): void;
};

/** @throws ParleyError `storage` when the file can't be used */
export function openStore(_path: string | undefined, _log: (line: string) => void): OpenStore {
  const store = openMemoryHistory();
  const untidy = keepTidy(store);
  return {
    history: store,
    registry: new Registry(),
    close() {
      untidy();
      store.close();
    },
  };
}
