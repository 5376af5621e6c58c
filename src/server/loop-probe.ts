// Measures event loop delay and process statistics for /metrics.

import { type Histogram, observe } from "../chat/metrics/metrics.ts";
import type { ProcessNumbers } from "../chat/metrics/metrics-page.ts";
import { web } from "../limits.ts";

/** Measures how late a timer fires until the returned function is called. */
export function probeLoop(histogram: Histogram): () => void {
  let dueMs = performance.now() + web.loopProbeMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    observe(histogram, Math.max(0, nowMs - dueMs) / 1_000);
    dueMs = nowMs + web.loopProbeMs;
  }, web.loopProbeMs);
  timer.unref();
  return () => clearInterval(timer);
}

export function processNumbers(version: string): ProcessNumbers {
  const cpu = process.cpuUsage();
  return {
    version,
    startTimeSeconds: performance.timeOrigin / 1_000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
  };
}
