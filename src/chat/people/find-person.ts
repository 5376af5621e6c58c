// Finds the holder of a name: a connected user, or the mailbox of a known user who is offline.

import type { ParleyError } from "../../errors.ts";
import { history } from "../../limits.ts";
import { type Account, accountMailbox } from "../accounts/account-store.ts";
import type { HubState } from "../hub-state.ts";
import { absentHolder } from "../names/absent-holder.ts";
import { fold } from "../names/grammar.ts";
import type { Session } from "../session.ts";
import type { SessionRecord } from "../turn/store.ts";
import { StoreQueries } from "../turn/store-queries.ts";

export type Person =
  | { here: Session }
  /** `isElsewhere`: connected to another server. */
  | { mailbox: string; isAccount: boolean; isElsewhere: boolean };

/**
 * Calls `then` at once, or when the store has answered unless the session is over; undefined:
 * nobody has the name.
 */
export function findPerson(
  hub: HubState,
  session: Session,
  name: string,
  then: (person: Person | undefined, error?: ParleyError) => void,
): void {
  const folded = fold(name);
  const here = hub.names.holder(folded);
  if (here !== undefined) return then({ here });
  let record: SessionRecord | undefined;
  let account: Account | undefined;
  const queries = new StoreQueries(hub, session);
  queries.ask(
    { type: "find-name", name: folded, sinceMs: hub.nowMs - history.mailHoldMs },
    (found) => (record = found),
  );
  queries.ask({ type: "find-account", lookup: { name: folded } }, (found) => (account = found));
  queries.whenAnswered((error) => {
    if (error !== undefined) return then(undefined, error);
    const arrived = hub.names.holder(folded);
    if (arrived !== undefined) return then({ here: arrived });
    // A registered name belongs to its owner, whoever used it before.
    const isElsewhere = record?.isElsewhere === true;
    if (account !== undefined)
      return then({ mailbox: accountMailbox(account.id), isAccount: true, isElsewhere });
    const id = absentHolder(hub, folded, record)?.id;
    then(id === undefined ? undefined : { mailbox: id, isAccount: false, isElsewhere });
  });
}
