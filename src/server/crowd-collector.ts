// Frees memory after many clients have connected or disconnected. The engine's frequent young
// collections keep objects that died old: tables left behind by a growing Map, logins that took
// longer than one collection. After ten thousand arrivals these are half of the heap, and only a
// full collection, some 4 ms per thousand sessions, frees them. The engine puts that off until much
// more has been allocated, which idle sessions never do; so it is triggered here when the process
// is idle. Compiled code is given up with it, some 10 MB, and compiled again when it is needed, for
// about 50 ms of CPU time.

import type { Metrics } from "../chat/metrics/metrics.ts";

export const tuning = {
  /** Connections opened or closed since the last collection; they may leave some 2 MB behind. */
  crowd: 1_000,
  /** How often to check, in milliseconds. */
  checkMs: 1_000,
  /** CPU time of the previous interval, in milliseconds, up to which the process counts as idle. */
  quietCpuMs: 50,
} as const;

export type CollectorOptions = {
  metrics: Pick<Metrics, "connections" | "connectionsOpened">;
  /** CPU time that the process has used so far, in milliseconds. */
  cpuMs: () => number;
  collect: () => void;
};

export class CrowdCollector {
  readonly #options: CollectorOptions;
  #cpuMs = 0;
  /** Connections opened and closed before the last collection. */
  #collected = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Call it every `checkMs`. */
  check(): void {
    const { metrics, cpuMs, collect } = this.#options;
    const beforeMs = this.#cpuMs;
    this.#cpuMs = cpuMs();
    const moved = 2 * sum(metrics.connectionsOpened) - sum(metrics.connections);
    if (moved - this.#collected < tuning.crowd) return;
    if (this.#cpuMs - beforeMs > tuning.quietCpuMs) return;
    this.#collected = moved;
    collect();
  }
}

/** Checks periodically until the returned function is called. */
export function startCollector(metrics: Metrics): () => void {
  // Deprecated, but nothing else makes the engine give up code.
  const collector = new CrowdCollector({ metrics, cpuMs, collect: () => Bun.shrink() });
  const timer = setInterval(() => collector.check(), tuning.checkMs);
  timer.unref();
  return () => clearInterval(timer);
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}
