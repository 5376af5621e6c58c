// The resource usage of a process, from /proc: valid on a busy machine, unlike wall-clock time.

import { readFileSync, readdirSync } from "node:fs";

/**
 * CPU time of all threads so far, in microseconds; from the scheduler's own count, in nanoseconds.
 */
export function cpuUs(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return ns / 1000;
}

/** The same of a process and of those that it has started and that still run. */
export function familyCpuUs(pid: number): number {
  let us = cpuUs(pid);
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry) || parentOf(Number(entry)) !== pid) continue;
    us += cpuUs(Number(entry));
  }
  return us;
}

/** Undefined: it has ended. */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

/** Resident memory in KiB. */
export function residentKiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

/**
 * Private resident memory in KiB: pages of the executable come and go as other programs need
 * memory.
 */
export function ownKiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]);
}

/** The `share` of values that are not larger, 0.5 for the median. Sorts in place. */
export function percentile(values: Float64Array | number[], share: number): number {
  values.sort((a: number, b: number) => a - b);
  return values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? Number.NaN;
}

/** Resolves when `quiet` has been true for as long as `forMs`; rejects after `timeoutMs`. */
export async function settled(
  count: () => number,
  forMs: number,
  timeoutMs: number,
): Promise<void> {
  const startedMs = performance.now();
  let last = count();
  let sinceMs = startedMs;
  for (;;) {
    await Bun.sleep(20);
    const nowMs = performance.now();
    const now = count();
    if (now !== last) {
      last = now;
      sinceMs = nowMs;
    } else if (nowMs - sinceMs >= forMs) return;
    if (nowMs - startedMs > timeoutMs) throw new Error(`no rest within ${timeoutMs} ms`);
  }
}
