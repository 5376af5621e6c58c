// Watches the file of the server's key: without it, the next start would make another key, which
// clients refuse.

import { errorMessage } from "../errors.ts";
import type { Log } from "../log.ts";
import { tls as limits } from "../limits.ts";

/**
 * Runs until the returned function is called. `restore`: puts the file back if it is missing, and
 * returns whether it was.
 */
export function watchServerKey(restore: () => boolean, log: Log): () => void {
  let lastReason = "";
  const look = () => {
    let reason = "";
    try {
      if (restore()) {
        log.warn(
          "the server's key had been removed, and was put back; to change it, stop the server first",
        );
      }
    } catch (error) {
      reason = errorMessage(error);
      if (reason !== lastReason) log.warn(reason);
    }
    lastReason = reason;
  };
  const timer = setInterval(look, limits.keyCheckMs);
  timer.unref();
  return () => clearInterval(timer);
}
