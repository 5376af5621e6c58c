// Limits connections, over all ports. Type only.

import type { Place } from "./websocket.ts";

/**
 * `enter` admits a connection (undefined) or returns the reason for refusing it; call `leave` once
 * for each admitted one.
 */
export interface ConnectionLimiter extends Place {
  enter(address: string): string | undefined;
}
