// Passes changed rights to the store, one request after another: a request is repeated until its
// outcome is known, and must not undo what was decided meanwhile.

import type { HubState } from "./hub-state.ts";
import { fold } from "./names/grammar.ts";
import { followMember, followOperators } from "./rooms/member-news.ts";
import type { Then } from "./rights/rights-requests.ts";

/**
 * `problem`: why the changes are not stored, which is logged unless there is a `then`. They apply
 * nevertheless, and storing them is retried later.
 */
export function storeRights(
  hub: HubState,
  then: Then = (problem) => {
    if (problem !== undefined) hub.log.warn(problem);
  },
): void {
  const { options, rightsRequests } = hub;
  const { rights } = options;
  if (rightsRequests.mustWait(then)) return;
  const changes = rights.takeChanges();
  if (changes.length === 0) return then(undefined, new Set());
  rightsRequests.sent();
  hub.store.ask({ type: "change-rights", changes }, (outcome) => {
    const waiting = rightsRequests.answered();
    rightsRequests.hasFailed = !outcome.done;
    const outdated = outcome.done ? outcome.result : [];
    if (outcome.done) rights.stored(changes, outdated);
    else rights.putBack(changes);
    const problem = outcome.done ? undefined : outcome.error.message;
    then(problem, new Set(outdated.map(({ key }) => key)));
    if (waiting.length === 0) return;
    storeRights(hub, (...result) => {
      for (const next of waiting) next(...result);
    });
  });
}

/** To be called from time to time: stores what could not be stored before. */
export function retryRights(hub: HubState): void {
  if (!hub.rightsRequests.hasFailed) return;
  // Why it fails has been told.
  storeRights(hub, () => {});
  hub.wake();
}

/**
 * The device belongs to an account: its role becomes the account's, and so do its ranks in rooms.
 * It loses them when it is revoked.
 */
export function moveRole(
  hub: HubState,
  key: string,
  { id, name }: { id: string; name: string },
): void {
  const { roles, rooms } = hub.rights;
  const open = rooms.rankedBy(key).flatMap((room) => hub.rooms.get(room) ?? []);
  const news = open.map((room) => ({ room, events: followMember(hub, room, fold(name)) }));
  const tellRooms = followOperators(hub);
  roles.move(key, { id, name });
  rooms.moveRanks(key, id);
  tellRooms();
  for (const { room, events } of news) for (const event of events()) hub.announce(room, event);
  storeRights(hub);
}
