// Tests wait for conditions, never for time.

/**
 * How long tests wait for what is bound to happen. It costs nothing when that does happen, so it
 * allows for a slow and busy machine; it is less than the 180 s of a test, so that the error says
 * what was missing.
 */
export const patienceMs = 120_000;

const mostPauseMs = 20;

/** Waits until the condition holds; the error says what was waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string) = String(condition),
  timeoutMs = patienceMs,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (let pauseMs = 1; !(await condition()); pauseMs = Math.min(1.2 * pauseMs, mostPauseMs)) {
    if (performance.now() > deadlineMs)
      throw new Error(`waited in vain for ${typeof what === "string" ? what : what()}`);
    await Bun.sleep(pauseMs);
  }
}
