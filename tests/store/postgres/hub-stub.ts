// A hub with nobody connected, for what a store tells its hub.

import type { ForeignEvent, SharedHub } from "../../../src/chat/elsewhere/foreign-events.ts";

/** Keeps the events in `heard`. `more`: what else the hub does, and what it knows. */
export function hubStub(heard: ForeignEvent[], more: Partial<SharedHub> = {}): SharedHub {
  return {
    handleForeign: (event) => void heard.push(event),
    positionIn: () => undefined,
    watchedServers: () => [],
    watchedNames: () => [],
    openRooms: () => [],
    openMailboxes: () => [],
    ...more,
  };
}
