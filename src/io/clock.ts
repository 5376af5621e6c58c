// Three clocks: a monotonic one for deadlines and rates, the system clock for timestamps, and one
// that runs while this thread does.

/** Timestamps ignore smaller corrections of the system clock, which happen all the time. */
const toleranceMs = 1_000;
/** How often the system clock is read. */
const checkMs = 100;

/**
 * Monotonic time in whole milliseconds, starting from the Unix time at process start. Never jumps
 * when the system clock is set, and stops while the machine sleeps.
 */
export function steadyMs(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}

/**
 * Returns a function that converts steady time to Unix time, both in whole milliseconds. Timestamps
 * are as steady as the former, but follow immediately when the system clock is set, forward or
 * back, or the machine has slept.
 */
export function stampClock(systemMs: () => number): (steadyMs: number) => number {
  let offsetMs = 0;
  let checkedMs = -Infinity;
  return (nowMs) => {
    if (nowMs - checkedMs >= checkMs) {
      checkedMs = nowMs;
      const behindMs = systemMs() - (nowMs + offsetMs);
      if (Math.abs(behindMs) > toleranceMs) offsetMs += behindMs;
    }
    return nowMs + offsetMs;
  };
}

/** Unix time in whole milliseconds at a steady time; use it for timestamps, never for timeouts. */
export const stampMs = stampClock(Date.now);

/**
 * Processor time that this thread has used, in milliseconds: what its own work costs, on however
 * busy a machine.
 */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Monotonic time in whole µs since the start of the process: the clock of transfers. */
export function nowUs(): number {
  return Math.floor(performance.now() * 1000);
}
