// Remembers the last committed batch, so that committing it again adds nothing.

import type { Batch, Committed } from "../chat/turn/store.ts";

export class LastBatch {
  #number = 0;
  #committed: Committed | undefined;

  /**
   * The result of committing this batch earlier, if it was the last one; undefined if it is new.
   * @throws Error if it is older: the hub commits one batch at a time
   */
  committed({ number }: Batch): Committed | undefined {
    if (number > this.#number) return undefined;
    if (number === this.#number && this.#committed !== undefined) return this.#committed;
    throw new Error(`Batch ${number} comes after batch ${this.#number}`);
  }

  remember({ number }: Batch, committed: Committed): Committed {
    this.#number = number;
    this.#committed = committed;
    return committed;
  }
}
