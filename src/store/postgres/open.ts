// Opens the database for one server, keeps its lease, and sweeps.

import { userInfo } from "node:os";
import { errorMessage } from "../../errors.ts";
import { history, postgres as limits } from "../../limits.ts";
import { createDatabaseMetrics, type DatabaseMetrics } from "../../chat/metrics/metrics.ts";
import { steadyMs } from "../../io/clock.ts";
import type { OpenStore } from "../open-store.ts";
import type { Retention } from "../retention.ts";
import { Feed } from "./feed.ts";
import { Database } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";
import { parseDatabaseUrl } from "./database-url.ts";
import { MeteredDatabase } from "./metered-database.ts";
import { checkNotifications } from "./notification-check.ts";
import { NumberBlock } from "./number-block.ts";
import { passwordSource } from "./password-file.ts";
import { PostgresRegistrations } from "./registrations.ts";
import { startError } from "./start-error.ts";
import { PostgresStore } from "./store.ts";

export type DatabaseSettings = {
  retention: Partial<Retention>;
  /** The pin of the server's key; empty: none. */
  pin: string;
  log: (line: string) => void;
};

/** Calls `run` once, after the delay; returns a function that cancels it. */
export type StartTimer = (delayMs: number, run: () => void) => () => void;

/** The parts that distinguish a process among those of the database; given in simulations. */
export type ProcessParts = {
  startTimer: StartTimer;
  /** Returns a different ID on each call, unlike that of any other server. */
  newServerId?: (() => string) | undefined;
  /** The monotonic clock of the process, and the system clock, in Unix milliseconds. */
  steadyMs?: (() => number) | undefined;
  systemMs?: (() => number) | undefined;
  metrics?: DatabaseMetrics | undefined;
};

type SharedDatabase = Omit<OpenStore, "paths" | "past"> & {
  /** The current ID of this server among those of the database. */
  readonly serverId: string;
};

/** @throws ParleyError `storage`, `usage` */
export async function openPostgres(
  address: string,
  settings: DatabaseSettings,
): Promise<Omit<OpenStore, "paths" | "past">> {
  const url = parseDatabaseUrl(address, userInfo().username);
  const database = new Database(url, passwordSource(url.database, url.user));
  const metrics = createDatabaseMetrics();
  const metered = new MeteredDatabase(database, metrics, steadyMs);
  try {
    await checkNotifications(metered);
    const opened = await openOn(metered, settings, { startTimer, metrics });
    const close = async (): Promise<void> => {
      await opened.close();
      await database.close();
    };
    const { serverId: _now, ...lasting } = opened;
    return { ...lasting, close };
  } catch (error) {
    await database.close();
    throw startError(error);
  }
}

/** The same with an open database, which stays open. @throws also DatabaseAway, Refused */
export async function openOn(
  database: DatabasePort,
  { retention, pin, log }: DatabaseSettings,
  parts: ProcessParts,
): Promise<SharedDatabase> {
  const { startTimer, newServerId, metrics = createDatabaseMetrics() } = parts;
  const clocks = { systemMs: parts.systemMs, hubMs: parts.steadyMs };
  const store = await PostgresStore.open(database, { retention, pin, newServerId, ...clocks });
  await store.makeHostSecret();
  const rights = await store.rights();
  const numbers = await NumberBlock.open(database, rights);
  let names = new Set(await store.registeredNames());
  const feed = new Feed(database, store, log, metrics);
  await feed.start(rights);
  const registrations = new PostgresRegistrations(database, undefined, parts.steadyMs);
  const readNames = async (): Promise<void> => {
    names = new Set(await store.registeredNames());
  };
  const every = (pauseMs: number, work: Work): (() => void) =>
    repeat(startTimer, pauseMs, work, log);
  const timers = [
    every(limits.renewMs, () => store.renew()),
    every(limits.lookMs, () => feed.check()),
    every(history.sweepMs, () => store.sweep()),
    every(limits.namesMs, readNames),
    every(limits.namesMs, () => registrations.refresh()),
  ];
  return {
    get serverId() {
      return store.serverId;
    },
    epoch: store.epoch,
    answer: store.answer,
    rights,
    numbers: numbers.next,
    others: feed,
    isRegistered: (folded) => names.has(folded),
    // The table of members has this information.
    keepInUse() {},
    registry: registrations,
    setAddress: (address) => store.setAddress(address),
    databaseMetrics() {
      metrics.leaseAgeSeconds = (steadyMs() - store.leasedMs) / 1_000;
      return metrics;
    },
    async close() {
      for (const stop of timers) stop();
      feed.stop();
      await inTime(startTimer, store.leave());
    },
  };
}

/** Resolves when `work` has, or after a while if the database does not answer. */
async function inTime(start: StartTimer, work: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const cancel = start(limits.closeSeconds * 1_000, late.resolve);
  await Promise.race([work, late.promise]);
  cancel();
}

/** True: there is more to do, after a short pause. */
type Work = () => Promise<boolean | void>;

/** Repeats some work, with a pause in between. Failures are logged, but not repeated ones. */
function repeat(
  start: StartTimer,
  pauseMs: number,
  work: Work,
  log: (line: string) => void,
): () => void {
  let cancel: (() => void) | undefined;
  let isStopped = false;
  let said = "";
  const run = async (): Promise<void> => {
    let hasMore: boolean | void = false;
    try {
      hasMore = await work();
      said = "";
    } catch (error) {
      const message = errorMessage(error);
      // Stopping ends it, too.
      if (message !== said && !isStopped)
        log(`The database does not answer as it should: ${message}`);
      said = message;
    }
    if (!isStopped) schedule(hasMore === true ? history.sweepSliceMs : pauseMs);
  };
  const schedule = (delayMs: number): void => {
    cancel = start(delayMs, () => void run());
  };
  schedule(pauseMs);
  return () => {
    isStopped = true;
    cancel?.();
  };
}

/** A timer that does not keep the process alive. */
function startTimer(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}
