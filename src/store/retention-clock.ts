// The clock by which stored data ages. It advances with the server's running time, so that setting
// the system clock, however far, never deletes anything. Pure.

/**
 * How many times faster than real time the clock runs while it is behind the system clock. Time
 * during which the server was stopped or the machine asleep is made up at this pace, never all at
 * once.
 */
const catchUpRate = 2;

/**
 * A clock in Unix milliseconds that resumes at `startMs`, where an earlier process stopped.
 * `steadyMs` is a monotonic source, `systemMs` the system clock.
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
