// Which absent session holds a name: according to the store, and to departures that the store does
// not know yet.

import { networkOf } from "../../addresses.ts";
import type { HubState } from "../hub-state.ts";
import type { SessionRecord } from "../turn/store.ts";

/** `record`: the holder according to the store. Undefined: no absent session has the name. */
export function absentHolder(
  hub: HubState,
  folded: string,
  record: SessionRecord | undefined,
): SessionRecord | undefined {
  let holder: SessionRecord | undefined;
  let isReleased = false;
  const known = new Set<string>();
  const stored = hub.names.departedSince(folded);
  const departures = [...hub.pipeline.departures()];
  if (stored !== undefined && hub.names.byKey(stored.id)?.phase !== "member") {
    departures.push([stored.id, stored.departure]);
  }
  for (const [id, { session, name, seenMs }] of departures) {
    // The latest departure of a session counts.
    if (known.has(id)) continue;
    known.add(id);
    if (name !== folded) isReleased ||= id === record?.id;
    else if (holder === undefined || seenMs > holder.seenMs) {
      const { counter, mailbox, peer } = session;
      const network = networkOf(peer.address);
      holder = { id, name, n: counter.taken, mail: mailbox.last, network, seenMs };
    }
  }
  if (holder !== undefined) return holder;
  if (isReleased) return undefined;
  const person = record === undefined ? undefined : hub.names.byKey(record.id);
  // A person that has returned has another name now; one that is still logging in keeps this one,
  // even if that connection has closed meanwhile.
  return person?.phase === "member" ? undefined : record;
}
