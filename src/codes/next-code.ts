// When `send-file --keep` gives out another code after one has failed. Bounds how many guesses all
// its codes together allow. Pure.

import type { ParleyError } from "../errors.ts";
import { codes as limits } from "../limits.ts";

/** Errors that end one code, or temporarily keep a server from opening one. */
const passing: ReadonlySet<string> = new Set([
  "full",
  "rate",
  "storage",
  "stalled",
  "declined",
  "cannot-connect",
]);

export class NextCode {
  #guesses = 0;

  /**
   * Milliseconds to wait before the next code; undefined: there is no further one. `isFirst`: no
   * code has been given out before the one that failed.
   */
  pauseAfter({ code }: Pick<ParleyError, "code">, isFirst: boolean): number | undefined {
    if (code === "not-allowed") {
      this.#guesses++;
      if (this.#guesses >= limits.maxVoid) return undefined;
      return this.#guesses * limits.voidPauseMs;
    }
    return !isFirst && passing.has(code) ? limits.openAgainMs : undefined;
  }
}
