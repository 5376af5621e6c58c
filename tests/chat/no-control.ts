// A hub without surroundings or decisions.

import type { DoorOptions } from "../../src/chat/login/door-options.ts";
import type { HubOptions } from "../../src/chat/hub-state.ts";
import { Rights } from "../../src/chat/rights/rights.ts";
import type { ServerControl } from "../../src/chat/server-control.ts";

export const noControl: ServerControl = {
  registrations: () => [],
  dropRegistrations() {},
  claimHash: undefined,
  claimUsed() {},
  reload: () => undefined,
  stop() {},
};

/** Everyone is admitted. */
export const openDoor: DoorOptions = { checkPassword: undefined, isMembersOnly: false };

/** For `HubOptions`. */
export function unruled(): Pick<HubOptions, "rights" | "control" | "door" | "motd"> {
  return { rights: new Rights(), control: noControl, door: openDoor, motd: () => "" };
}
