// When `send-file --keep` gives out another code after one has failed. Bounds how many guesses all
// its codes together allow. Pure.

import type { ParleyError } from "../errors.ts";
import { codes as limits } from "../limits.ts";
import { GuestError } from "./guest-error.ts";

/** Errors that end one code, or temporarily keep a server from opening one. */
const passing: ReadonlySet<string> = new Set([
  "full",
  "rate",
  "storage",
  "stalled",
  "cannot-connect",
]);

export class NextCode {
  #guesses = 0;

  /**
   * Milliseconds to wait before the next code; undefined: there is no further one. `isFirst`: no
   * code has been given out yet.
   */
  pauseAfter(error: Pick<ParleyError, "code">, isFirst: boolean): number | undefined {
    if (error instanceof GuestError) return 0;
    if (error.code === "not-allowed") {
      this.#guesses++;
      if (this.#guesses >= limits.maxVoid) return undefined;
      return this.#guesses * limits.voidPauseMs;
    }
    return !isFirst && passing.has(error.code) ? limits.openAgainMs : undefined;
  }
}
