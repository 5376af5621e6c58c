// Whether notifications arrive. They don't through a pooler in transaction mode, which gives each
// transaction another connection: servers would learn of each other's messages a second late, and
// statements prepared on one connection would fail on the next.

import { ParleyError } from "../../errors.ts";
import { postgres as limits } from "../../limits.ts";
import { secretText } from "../../secrets.ts";
import { channel } from "./commit-function.ts";
import { Refused } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";

/** SQLSTATEs of a statement that was prepared on another connection, or already on this one. */
const misplaced: ReadonlySet<string> = new Set(["26000", "42P05"]);

/** @throws ParleyError `storage`: none has arrived within `waitMs`; DatabaseAway, Refused */
export async function checkNotifications(
  database: DatabasePort,
  waitMs: number = limits.noticeMs,
): Promise<void> {
  // Other servers ignore what is not JSON.
  const sent = `check ${secretText(9)}`;
  const arrived = Promise.withResolvers<boolean>();
  const heard = (payload: string): void => {
    if (payload === sent) arrived.resolve(true);
  };
  try {
    const stop = await database.listen(channel, heard, () => {});
    await database.run("SELECT pg_notify($1, $2)", [channel, sent]);
    const timer = setTimeout(() => arrived.resolve(false), waitMs);
    const isHeard = await arrived.promise;
    clearTimeout(timer);
    stop();
    if (!isHeard) throw new ParleyError("storage", isPooled);
  } catch (error) {
    if (!(error instanceof Refused) || !misplaced.has(error.state)) throw error;
    throw new ParleyError("storage", isPooled);
  }
}

const isPooled =
  "The database is behind a pooler in transaction mode, or something else that lets no notifications through: connect to PostgreSQL directly, or let the pooler use session mode";
