// Numbers that no other server of the database assigns. They are fetched in blocks, so that one is
// available when needed; the next block is fetched in time.

import { postgres as limits } from "../../limits.ts";
import type { DatabasePort } from "./database-port.ts";

export class NumberBlock {
  readonly #fetch: () => Promise<number>;
  #next: number;
  /** The last number of this block. */
  #last: number;
  /** The next block, once it has arrived. */
  #following: number | undefined;
  #isFetching = false;

  private constructor(first: number, fetch: () => Promise<number>) {
    this.#next = first;
    this.#last = first + limits.numbersAtOnce - 1;
    this.#fetch = fetch;
  }

  /** @throws DatabaseAway, Refused */
  static async open(database: DatabasePort): Promise<NumberBlock> {
    const fetch = async (): Promise<number> => {
      const [row] = await database.run<{ last: number | string }>(
        `INSERT INTO parley.meta (key, value) VALUES ('numbers', $1::bigint)
         ON CONFLICT (key) DO UPDATE SET value = meta.value::bigint + $1::bigint
         RETURNING value AS last`,
        [limits.numbersAtOnce],
      );
      return Number(row?.last) - limits.numbersAtOnce + 1;
    };
    return new NumberBlock(await fetch(), fetch);
  }

  /** Undefined: all are used up, and the database has not answered yet. */
  readonly next = (): number | undefined => {
    if (this.#next > this.#last && this.#following !== undefined) {
      this.#next = this.#following;
      this.#last = this.#next + limits.numbersAtOnce - 1;
      this.#following = undefined;
    }
    if (this.#last - this.#next < limits.numbersAtOnce / 2) this.#fetchSoon();
    return this.#next > this.#last ? undefined : this.#next++;
  };

  #fetchSoon(): void {
    if (this.#isFetching || this.#following !== undefined) return;
    this.#isFetching = true;
    void this.#fetch()
      .then((first) => (this.#following = first))
      // It is retried with the next number.
      .catch(() => {})
      .finally(() => (this.#isFetching = false));
  }
}
