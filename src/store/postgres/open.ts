// Opens the database for one server, keeps its lease, and sweeps.

import { userInfo } from "node:os";
import { ParleyError } from "../../errors.ts";
import { history, postgres as limits } from "../../limits.ts";
import type { OpenStore } from "../open.ts";
import type { Retention } from "../retention.ts";
import { Feed } from "./feed.ts";
import { Database, DatabaseAway, Refused } from "./database.ts";
import { parseDatabaseUrl } from "./database-url.ts";
import { NumberBlock } from "./number-block.ts";
import { passwordSource } from "./password-file.ts";
import { PostgresRegistrations } from "./registrations.ts";
import { PostgresStore } from "./store.ts";

export type DatabaseSettings = {
  retention: Partial<Retention>;
  /** Of the server's key; empty: none. */
  pin: string;
  log: (line: string) => void;
};

/** @throws ParleyError `storage`, `usage` */
export async function openPostgres(
  address: string,
  settings: DatabaseSettings,
): Promise<Omit<OpenStore, "paths" | "past">> {
  const url = parseDatabaseUrl(address, userInfo().username);
  const database = new Database(url, passwordSource(url.database, url.user));
  try {
    return await openOn(database, settings);
  } catch (error) {
    await database.close();
    throw startError(error);
  }
}

async function openOn(
  database: Database,
  { retention, pin, log }: DatabaseSettings,
): Promise<Omit<OpenStore, "paths" | "past">> {
  const store = await PostgresStore.open(database, { retention, pin });
  await store.makeHostSecret();
  const rights = await store.rights();
  const numbers = await NumberBlock.open(database, rights);
  let names = new Set(await store.registeredNames());
  const feed = new Feed(database, store, log);
  await feed.start(rights);
  const registrations = new PostgresRegistrations(database);
  const sweep = async (): Promise<void> => {
    while (await store.sweep()) await Bun.sleep(history.sweepSliceMs);
  };
  const readNames = async (): Promise<void> => {
    names = new Set(await store.registeredNames());
  };
  const timers = [
    repeat(limits.renewMs, () => store.renew(), log),
    repeat(limits.lookMs, () => feed.check(), log),
    repeat(history.sweepMs, sweep, log),
    repeat(limits.namesMs, readNames, log),
    repeat(limits.namesMs, () => registrations.refresh(), log),
  ];
  return {
    epoch: store.epoch,
    answer: store.answer,
    rights,
    numbers: numbers.next,
    others: feed,
    isRegistered: (folded) => names.has(folded),
    // The table of members says it.
    keepInUse() {},
    registry: registrations,
    async close() {
      for (const stop of timers) stop();
      feed.stop();
      await store.leave();
      await database.close();
    },
  };
}

/** Does some work again and again, with a pause in between. What fails is said, but not twice. */
function repeat(
  pauseMs: number,
  work: () => Promise<void>,
  log: (line: string) => void,
): () => void {
  let timer: Timer | undefined;
  let isStopped = false;
  let said = "";
  const run = async (): Promise<void> => {
    try {
      await work();
      said = "";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== said) log(`The database does not answer as it should: ${message}`);
      said = message;
    }
    if (!isStopped) schedule();
  };
  const schedule = (): void => {
    timer = setTimeout(() => void run(), pauseMs);
    timer.unref();
  };
  schedule();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

function startError(error: unknown): unknown {
  if (error instanceof DatabaseAway) {
    return new ParleyError("storage", `The database can't be reached: ${error.message}`);
  }
  if (error instanceof Refused) {
    return new ParleyError("storage", `The database can't be used: ${error.message}`);
  }
  return error;
}
