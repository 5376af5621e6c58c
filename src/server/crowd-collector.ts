// Gives memory back once a crowd has come or gone. The engine's frequent young collections keep
// what died old: tables that a growing Map has left behind, logins that took longer than one
// collection. After ten thousand arrivals that is half of the heap, and only a full collection,
// some 4 ms per thousand sessions, takes it away. The engine puts that off until much more is
// allocated, which idle sessions never do; so it is done here, when the process has nothing to do.

import { fullGC } from "bun:jsc";
import type { Metrics } from "../chat/metrics.ts";

export const tuning = {
  /** Connections that have come or gone since the last time: they may leave some 2 MB behind. */
  crowd: 1_000,
  /** How often the server looks, in milliseconds. */
  checkMs: 1_000,
  /** CPU time in the interval before, in milliseconds, up to which nobody is kept waiting. */
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
  /** Connections that had come and gone at the last collection. */
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

/** Checks until the returned function is called. */
export function startCollector(metrics: Metrics): () => void {
  const collector = new CrowdCollector({ metrics, cpuMs, collect: () => void fullGC() });
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
