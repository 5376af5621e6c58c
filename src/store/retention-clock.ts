// The clock by which stored things age. It advances with the time for which the server runs, so
// setting the system's clock, by whatever amount, deletes nothing. Pure: time is handed in.

/**
 * How many times as fast as real time it runs while it is behind the system's clock. Time for which
 * the server was stopped or the machine asleep is made up at this pace, never at once.
 */
const catchUpRate = 2;

/**
 * A clock in Unix milliseconds that starts at `startMs`, where an earlier process left off.
 * `steadyMs` is a source that nobody can set, `systemMs` the system's clock.
 */
export function retentionClock(
  startMs: number,
  steadyMs: () => number,
  systemMs: () => number,
): () => number {
  let reachedMs = startMs;
  let lastMs = steadyMs();
  return () => {
    const nowMs = steadyMs();
    const passedMs = Math.max(0, nowMs - lastMs);
    lastMs = nowMs;
    const behindMs = systemMs() - reachedMs;
    reachedMs += Math.min(Math.max(behindMs, passedMs), catchUpRate * passedMs);
    return Math.floor(reachedMs);
  };
}
