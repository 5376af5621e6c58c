// Cleaning up after an error: what fails now must not hide what failed first.

/** Runs a step of cleaning up, and ignores its error. */
export function quietly(step: () => void): void {
  try {
    step();
  } catch {
    // The error that led here is the one to report.
  }
}
