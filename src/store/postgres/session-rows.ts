// Rows of `parley.sessions` as records of sessions. Pure.

import type { SessionRecord } from "../../chat/turn/store.ts";
import type { AwayClock } from "./away-clock.ts";

export type SessionRow = {
  id: string;
  name: string;
  n: number | string;
  refused: string | null;
  mail: number | string;
  network: string;
  seen: number | string;
};

export const sessionColumns = "s.id, s.name, s.n, s.refused, s.mail, s.network, s.seen_ms AS seen";

/** With the time at which it was seen by the clock of this server's hub. */
export function recordOf(row: SessionRow, away: Pick<AwayClock, "own">): SessionRecord {
  const { id, name, mail, network, seen } = row;
  const [n, refused] = [Number(row.n), row.refused ?? undefined];
  const seenMs = away.own(Number(seen));
  return { id, name, n, refused, mail: Number(mail), network, seenMs };
}
