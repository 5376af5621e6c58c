// Waits for conditions, never for time alone.

/** It costs nothing when what is bound to happen does, so it allows for a slow machine. */
export const patienceMs = 100_000;

/** Waits until `condition` holds. @throws after `timeoutMs`, naming the condition */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
  timeoutMs = patienceMs,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) {
      throw new Error(
        `Not within ${timeoutMs / 1000} s: ${typeof what === "string" ? what : what()}`,
      );
    }
    await Bun.sleep(10);
  }
}

/** The duration of `work` in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
