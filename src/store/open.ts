// Opens a server's store, in an SQLite file or in memory, and the registry of peers beside it. People
// who own a name outlive a server whose messages are in memory: in a file of their own.

import type { PastSizes } from "../chat/past-limits.ts";
import { Registry } from "../cpp/registry.ts";
import { steadyMs } from "../io/clock.ts";
import { ParleyError } from "../errors.ts";
import { openMemoryStore } from "./memory.ts";
import { openRegistrations } from "./registrations.ts";
import { defaultRetention, type Retention } from "./retention.ts";
import type { ServerStore } from "./server-store.ts";
import { dataFilePaths, type Synchronous } from "./sqlite-file.ts";
import { openSqliteStore } from "./sqlite.ts";
import { StateFile } from "./state-file.ts";
import { startSweeper } from "./sweeper.ts";

export type OpenStore = {
  store: ServerStore;
  registry: Registry;
  /** Real paths of the store's files. */
  paths: readonly string[];
  /** What is kept of rooms. */
  past: PastSizes;
  close(): void;
};

export type StoreSettings = {
  /** Undefined: in memory. */
  path: string | undefined;
  synchronous?: Synchronous | undefined;
  retention?: Partial<Retention> | undefined;
  /**
   * Where a server without `path` keeps who owns a name and what operators have decided; undefined:
   * in memory. `isOptional`: if it can't be used, that is said, and memory has to do.
   */
  state?: { folder: string; isOptional: boolean } | undefined;
};

/**
 * `log` receives write failures of the registry.
 * @throws ParleyError `storage` if a file can't be used
 */
export function openStore(
  { path, synchronous = "normal", retention = {}, state }: StoreSettings,
  log: (line: string) => void,
): OpenStore {
  if (path === undefined) {
    const file = state === undefined ? undefined : openState(state, log);
    const store = openMemoryStore({ retention, ...file?.tables });
    const stopSweeper = startSweeper(store);
    return {
      store,
      registry: new Registry(),
      paths: [],
      past: pastSizes("memory", retention),
      close() {
        stopSweeper();
        store.close();
        file?.close();
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
    past: pastSizes("disk", retention),
    close() {
      stopSweeper();
      registrations.close();
      store.close();
    },
  };
}

/** Undefined: it can't be used. */
function openState(
  { folder, isOptional }: NonNullable<StoreSettings["state"]>,
  log: (line: string) => void,
): StateFile | undefined {
  const file = new StateFile(folder);
  try {
    file.openIfThere();
    return file;
  } catch (error) {
    if (!isOptional || !(error instanceof ParleyError)) throw error;
    log(`${error.message}. Registered names, bans and other decisions of operators are not kept`);
    return undefined;
  }
}

/** An operator may keep so little that people would be slowed down for it: that is not protected. */
function pastSizes(kind: "memory" | "disk", retention: Partial<Retention>): PastSizes {
  const kept = { ...defaultRetention(kind), ...retention };
  const memory = defaultRetention("memory");
  const isMemory = kind === "memory";
  const room = {
    messages: Math.max(kept.messages, memory.messages),
    bytes: Math.max(isMemory ? kept.roomBytes : kept.fileBytes, memory.roomBytes),
  };
  const bytes = Math.max(isMemory ? kept.totalBytes : kept.fileBytes, memory.totalBytes);
  // All rooms are limited by bytes alone: as many messages as fit if they are as long as in a room.
  return { room, all: { messages: room.messages * Math.max(1, bytes / room.bytes), bytes } };
}
