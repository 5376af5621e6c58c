// The timer that sweeps a store.

import { history as limits } from "../limits.ts";
import type { ServerStore } from "./server-store.ts";

/**
 * Sweeps a store periodically, in slices with pauses in between. Returns a function that stops it.
 */
export function startSweeper(store: ServerStore): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const schedule = (delayMs: number): void => {
    timer = setTimeout(sweep, delayMs);
    timer.unref();
  };
  const sweep = (): void => schedule(store.sweep() ? limits.sweepSliceMs : limits.sweepMs);
  schedule(limits.sweepMs);
  return () => clearTimeout(timer);
}
