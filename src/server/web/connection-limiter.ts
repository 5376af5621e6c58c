// Limits connections, over all ports. Type only.

import type { Place } from "./websocket.ts";

/**
 * `enter` admits one (undefined) or returns the reason; call `leave` once for each admitted one.
 */
export interface ConnectionLimiter extends Place {
  enter(address: string): string | undefined;
}
