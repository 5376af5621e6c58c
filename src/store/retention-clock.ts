// The clock by which stored things age. It runs with the time that the server runs, so that setting
// the system's clock, by however much, deletes nothing. Pure: both sources of time are handed in.

/**
 * How many times as fast as real time it runs while it is behind the system's clock: time in which
 * the server did not run, or the machine slept, is made up at this pace and never at once.
 */
const catchUpRate = 2;

/**
 * A clock in Unix milliseconds that begins at `startMs`, where an earlier process left it.
 * `steadyMs` is a source that is never set, `systemMs` the system's clock.
 */
export function retentionClock(
  startMs: number,
  steadyMs: () => number,
  systemMs: () => number,
): () => number {
  let reachedMs = startMs;
  let lookedMs = steadyMs();
  return () => {
    const nowMs = steadyMs();
    const passedMs = Math.max(0, nowMs - lookedMs);
    lookedMs = nowMs;
    const behindMs = systemMs() - reachedMs;
    reachedMs += Math.min(Math.max(behindMs, passedMs), catchUpRate * passedMs);
    return Math.floor(reachedMs);
  };
}
