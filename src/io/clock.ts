// The time, which never runs backwards.

/** So far may the system's clock be ahead, in milliseconds; it is set by less than that all the time. */
const aheadMs = 1_000;

/**
 * A clock that goes on steadily whatever is done to the system's, except that it follows one that is far ahead: the machine has
 * slept, and the steady source with it, or it began with a clock that was slow. `steadyMs` and `systemMs` are Unix milliseconds.
 */
export function clock(steadyMs: () => number, systemMs: () => number): () => number {
  let offsetMs = 0;
  return () => {
    const nowMs = steadyMs() + offsetMs;
    const behindMs = systemMs() - nowMs;
    if (behindMs <= aheadMs) return Math.floor(nowMs);
    offsetMs += behindMs;
    return Math.floor(nowMs + behindMs);
  };
}

/** Unix time when the process began and what has passed since, in milliseconds. Nobody can set it, and it never goes back. */
export function steadyMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Unix time in milliseconds, whole: the one clock of a server. */
export const unixMs = clock(steadyMs, Date.now);

/** The clock of the transfer machines, in whole µs since the start of the process. */
export function nowUs(): number {
  return Math.floor(performance.now() * 1000);
}
