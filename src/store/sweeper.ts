// The timer that has a store swept.

import { history as limits } from "../limits.ts";
import type { ServerStore } from "./server-store.ts";

/** Sweeps a store every so often, slice by slice with pauses for others. Returns how to stop it. */
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
