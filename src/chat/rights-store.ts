// Passes changed rights to the store.

import type { HubState } from "./hub-state.ts";

/**
 * `problem`: why the changes are not stored. They apply nevertheless, and storing them is retried
 * later.
 */
export function storeRights(hub: HubState, then: (problem: string | undefined) => void): void {
  const { rights } = hub.options;
  const changes = rights.takeChanges();
  if (changes.length === 0) return then(undefined);
  hub.store.changeRights(changes, (outcome) => {
    if (outcome.done) {
      rights.stored(changes);
      return then(undefined);
    }
    rights.putBack(changes);
    then(outcome.error.message);
  });
}

/** The device belongs to an account: its role becomes the account's, and is revoked with it. */
export function moveRole(
  hub: HubState,
  key: string,
  { id, name }: { id: string; name: string },
): void {
  hub.options.rights.roles.move(key, { id, name });
  storeRights(hub, (problem) => {
    if (problem !== undefined) hub.options.log.warn(problem);
  });
}
