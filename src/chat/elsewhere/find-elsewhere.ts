// Asks the store who has certain names on other servers. Does nothing if there are no other
// servers.

import type { ParleyError } from "../../errors.ts";
import type { ForeignPerson } from "./foreign-person.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import { fold } from "../names/grammar.ts";
import { askStore } from "../turn/store-queries.ts";

/**
 * `names`: folded. Calls `then` at once, or when the store has answered unless the session is over.
 */
export function findElsewhere(
  hub: HubState,
  session: Session,
  names: readonly string[],
  then: (people: readonly ForeignPerson[], error?: ParleyError) => void,
): void {
  if (hub.isAlone || names.length === 0) return then([]);
  askStore(hub, session, { type: "find-elsewhere", names }, (found) =>
    found.done ? then(found.result) : then([], found.error),
  );
}

/**
 * The folded names whose holders may be on other servers. A name that is in use here without an
 * account can't be in use anywhere else.
 */
export function mayBeElsewhere(hub: HubState, names: readonly string[]): readonly string[] {
  return names.map(fold).filter((name) => hub.names.holder(name)?.identity.account !== "");
}
