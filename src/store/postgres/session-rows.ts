// Rows of `parley.sessions` as records of sessions. Pure.

import type { SessionRecord } from "../../chat/turn/store.ts";
import type { AwayClock } from "./away-clock.ts";

export type SessionRow = {
  id: string;
  name: string;
  n: number | string;
  mail: number | string;
  network: string;
  seen: number | string;
};

export const sessionColumns = "s.id, s.name, s.n, s.mail, s.network, s.seen_ms AS seen";

/** With the time at which it was seen by the clock of this server's hub. */
export function recordOf(row: SessionRow, away: Pick<AwayClock, "own">): SessionRecord {
  const { id, name, n, mail, network, seen } = row;
  const seenMs = away.own(Number(seen));
  return { id, name, n: Number(n), mail: Number(mail), network, seenMs };
}
