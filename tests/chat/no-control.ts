// A hub with nothing around it, and nothing decided yet.

import type { DoorOptions } from "../../src/chat/door-options.ts";
import { Rights } from "../../src/chat/rights/rights.ts";
import type { ServerControl } from "../../src/chat/server-control.ts";

export const noControl: ServerControl = {
  registrations: () => [],
  dropRegistrations() {},
  claimHash: undefined,
  claimUsed() {},
  stop() {},
};

/** Everybody may come in. */
export const openDoor: DoorOptions = { isPassword: undefined, isMembersOnly: false };

/** For `HubOptions`. */
export function unruled(): { rights: Rights; control: ServerControl; door: DoorOptions } {
  return { rights: new Rights(), control: noControl, door: openDoor };
}
