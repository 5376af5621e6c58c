// A hub with nothing around it, and nothing decided yet.

import { Rights } from "../../src/chat/rights/rights.ts";
import type { ServerControl } from "../../src/chat/server-control.ts";

export const noControl: ServerControl = {
  registrations: () => [],
  dropRegistrations() {},
  stop() {},
};

/** For `HubOptions`. */
export function unruled(): { rights: Rights; control: ServerControl } {
  return { rights: new Rights(), control: noControl };
}
