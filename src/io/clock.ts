// Two times: one for deadlines and rates, which nobody can set, and one for stamps, which is the
// system's.

/**
 * The system's clock is corrected by less than this all the time; stamps follow it when it is off
 * by more.
 */
const toleranceMs = 1_000;
/** Between two looks at the system's clock. */
const lookMs = 100;

/**
 * Whole milliseconds: Unix time as it was when the process began, and what has passed since. It
 * never goes back and never jumps, whatever is done to the system's clock; a machine that sleeps
 * stops it.
 */
export function steadyMs(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}

/**
 * Turns steady time, in whole milliseconds, into Unix time for stamps: as steady as that, but if
 * the system's clock is set, either way, or the machine has slept, stamps are right again at once.
 * They go back when the clock is set back.
 */
export function stampClock(systemMs: () => number): (steadyMs: number) => number {
  let offsetMs = 0;
  let lookedMs = -Infinity;
  return (nowMs) => {
    if (nowMs - lookedMs >= lookMs) {
      lookedMs = nowMs;
      const behindMs = systemMs() - (nowMs + offsetMs);
      if (Math.abs(behindMs) > toleranceMs) offsetMs += behindMs;
    }
    return nowMs + offsetMs;
  };
}

/**
 * Unix time in milliseconds, whole, at a steady time: for what is kept or shown, never for waiting.
 */
export const stampMs = stampClock(Date.now);

/** The clock of the transfer machines, in whole µs since the start of the process. */
export function nowUs(): number {
  return Math.floor(performance.now() * 1000);
}
