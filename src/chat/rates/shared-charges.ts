// What is counted at every server of a database, wherever it happens: guesses and registrations, so
// that nobody gets more of them by connecting to several servers. Servers tell each other; what
// they have not heard yet, they count later. Pure.

import { postgres as limits } from "../../limits.ts";

/** `address`: of whoever it counts against. */
export type SharedCharge = { readonly address: string } & (
  | {
      readonly what: "guess";
      /** What it was about: the ID of an account or, for unregistered names, a hash. */
      readonly account?: string | undefined;
      readonly unowned?: string | undefined;
    }
  /** The last guess was right, and does not count against the network and the account. */
  | { readonly what: "right"; readonly account?: string | undefined }
  | { readonly what: "registration" }
);

/** Charges on their way to the other servers; if they can't be told, the oldest are dropped. */
export class SharedCharges {
  #waiting: SharedCharge[] = [];
  #isSending = false;

  add(charge: SharedCharge): void {
    this.#waiting.push(charge);
    if (this.#waiting.length > limits.chargesWaiting) this.#waiting.shift();
  }

  /** Those to send now, if the last ones have arrived; `sent` must follow. */
  take(): readonly SharedCharge[] {
    if (this.#isSending) return [];
    const next = this.#waiting.splice(0, limits.chargesAtOnce);
    this.#isSending = next.length > 0;
    return next;
  }

  sent(): void {
    this.#isSending = false;
  }
}
