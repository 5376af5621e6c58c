// Opens a server's store, in an SQLite file or in memory, and the peer registry that goes with it.
// Registered names survive a server whose messages are in memory: they are kept in a separate file.

import type { PastSizes } from "../chat/history/past-limits.ts";
import type { StoreReply, StoreRequest } from "../chat/turn/store.ts";
import { Registry } from "../cpp/registry.ts";
import { steadyMs } from "../io/clock.ts";
import { errorMessage, ParleyError } from "../errors.ts";
import { answerRequest } from "./answer.ts";
import { isDatabaseUrl } from "./postgres/database-url.ts";
import { openMemoryStore } from "./memory/store.ts";
import type { OpenStore } from "./open-store.ts";
import { openRegistrations } from "./registrations.ts";
import { defaultRetention, type Retention } from "./retention.ts";
import type { ServerStore } from "./server-store.ts";
import { dataFilePaths, type Synchronous } from "./sqlite/file.ts";
import { openSqliteStore } from "./sqlite/store.ts";
import { StateFile } from "./state-file.ts";
import { startSweeper } from "./sweeper.ts";

/** A store in this process, in a file or in memory. */
export type OpenLocalStore = OpenStore & { readonly store: ServerStore };

export type StoreSettings = {
  /** A file, or the address of a PostgreSQL database; undefined: in memory. */
  path: string | undefined;
  synchronous?: Synchronous | undefined;
  retention?: Partial<Retention> | undefined;
  /**
   * Where a server without `path` keeps registered names and operators' decisions; undefined: in
   * memory. `isOptional`: if the folder can't be used, a warning is logged and memory is used
   * instead.
   */
  state?: { folder: string; isOptional: boolean } | undefined;
  /** The pin of the server's key; all servers of a database have the same key. Empty: no key. */
  pin?: string | undefined;
};

/**
 * `log` receives later failures.
 * @throws ParleyError `storage` if the file or database can't be used, `usage`
 */
export async function openStore(
  settings: StoreSettings,
  log: (line: string) => void,
): Promise<OpenStore> {
  const { path, retention = {}, pin = "" } = settings;
  if (path === undefined || !isDatabaseUrl(path)) return openLocalStore(settings, log);
  const { openPostgres } = await import("./postgres/open.ts");
  const opened = await openPostgres(path, { retention, pin, log });
  return { ...opened, paths: [], past: pastSizes("disk", retention) };
}

/** The same without a database, synchronously. */
export function openLocalStore(
  { path, synchronous = "normal", retention = {}, state }: StoreSettings,
  log: (line: string) => void,
): OpenLocalStore {
  if (path === undefined) {
    const file = state === undefined ? undefined : openState(state, log);
    const store = openMemoryStore({ retention, ...file?.tables });
    const stopSweeper = startSweeper(store);
    return {
      ...local(store),
      registry: new Registry(),
      paths: [],
      past: pastSizes("memory", retention),
      async close() {
        stopSweeper();
        store.close();
        file?.close();
      },
    };
  }
  const onSweepFailure = ({ message }: ParleyError): void =>
    log(`What is too old, or too much, was not deleted: ${message}`);
  const store = openSqliteStore(path, { synchronous, retention, onSweepFailure });
  store.resumeSessions(steadyMs());
  const stopSweeper = startSweeper(store);
  const registrations = openRegistrations(store, (error) => {
    const reason = errorMessage(error);
    log(`A registration was not written to the data file: ${reason}`);
  });
  return {
    ...local(store),
    registry: registrations.registry,
    paths: dataFilePaths(path),
    past: pastSizes("disk", retention),
    async close() {
      stopSweeper();
      registrations.close();
      store.close();
    },
  };
}

function local(store: ServerStore) {
  return {
    store,
    epoch: store.epoch,
    answer: (request: StoreRequest, reply: (reply: StoreReply) => void) =>
      reply(answerRequest(store, request)),
    rights: store.rights.load(),
    isRegistered: (folded: string) => store.accounts.find({ name: folded }) !== undefined,
    keepInUse(isInUse: (room: string) => boolean) {
      store.isInUse = isInUse;
    },
  };
}

/** Undefined if it can't be used. */
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

/**
 * If an operator keeps so little that protecting it would slow people down, it is not protected.
 */
function pastSizes(kind: "memory" | "disk", retention: Partial<Retention>): PastSizes {
  const kept = { ...defaultRetention(kind), ...retention };
  const memory = defaultRetention("memory");
  const isMemory = kind === "memory";
  const room = {
    messages: Math.max(kept.messages, memory.messages),
    bytes: Math.max(isMemory ? kept.roomBytes : kept.fileBytes, memory.roomBytes),
  };
  const bytes = Math.max(isMemory ? kept.totalBytes : kept.fileBytes, memory.totalBytes);
  // All rooms together are only limited by bytes: the number of messages that fit at a room's
  // average length.
  return { room, all: { messages: room.messages * Math.max(1, bytes / room.bytes), bytes } };
}
