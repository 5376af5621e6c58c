// That a client ends, and why; what is typed after it is no longer meant for the client.

import type { ParleyError } from "../../errors.ts";

export class Ending {
  readonly #over = Promise.withResolvers<ParleyError | undefined>();
  #isReached = false;

  get isReached(): boolean {
    return this.#isReached;
  }

  /** Resolves at the end, with the error if there was one. */
  get over(): Promise<ParleyError | undefined> {
    return this.#over.promise;
  }

  reach(problem: ParleyError | undefined): void {
    this.#isReached = true;
    this.#over.resolve(problem);
  }
}
