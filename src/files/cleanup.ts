// Cleanup after an error, which must not mask that error.

/** Runs a cleanup step and ignores its error. */
export function quietly(step: () => void): void {
  try {
    step();
  } catch {
    // The original error is the one to report.
  }
}
