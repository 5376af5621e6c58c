// Numbers that no other server of the database assigns. They are fetched in blocks, so that one is
// available when needed; the next block is fetched in time.

import type { RightsRow } from "../../chat/rights/rights-rows.ts";
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
  static async open(database: DatabasePort, rights: readonly RightsRow[]): Promise<NumberBlock> {
    const fetch = async (): Promise<number> => {
      const [row] = await database.run<{ last: number | string }>(
        `INSERT INTO parley.meta (key, value) VALUES ('numbers', $1::bigint + $2::bigint)
         ON CONFLICT (key) DO UPDATE
           SET value = greatest(meta.value::bigint, $1::bigint) + $2::bigint
         RETURNING value AS last`,
        [highest(rights), limits.numbersAtOnce],
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

/** The highest number in the rows; numbers of earlier versions are not from a block. */
function highest(rows: readonly RightsRow[]): number {
  const numbers = rows.map(({ key, value }) =>
    Number(/^sanction\/(\d{1,15})$/.exec(key)?.[1] ?? /"id":(\d{1,15})[,}]/.exec(value)?.[1] ?? 0),
  );
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}
