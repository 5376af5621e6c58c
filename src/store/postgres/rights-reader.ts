// Reads operators' decisions after other servers have changed them. Whoever moderates a room may
// change them as often as they may speak: that must neither keep a ban from being noticed, nor make
// every server read all decisions each time.

import { type RightsChange, type RightsRow, withChanges } from "../../chat/rights/rights-rows.ts";
import { postgres as limits } from "../../limits.ts";

export class RightsReader {
  readonly #read: () => Promise<readonly RightsRow[]>;
  readonly #deliver: (rows: readonly RightsRow[]) => void;
  readonly #complain: (error: unknown) => void;
  /** The rows that the hub has; undefined: it has made changes to those last delivered. */
  #text: string | undefined = "";
  /** Readings are numbered in the order in which they begin. */
  #begun = 0;
  #delivered = 0;
  readonly #open = new Set<number>();
  /** Own changes stored while the readings up to `until` were open, which may lack them. */
  #own: { readonly until: number; readonly changes: readonly RightsChange[] }[] = [];
  #soonLeft: number = limits.rightsReadPerLook;

  constructor(
    read: () => Promise<readonly RightsRow[]>,
    deliver: (rows: readonly RightsRow[]) => void,
    complain: (error: unknown) => void,
  ) {
    this.#read = read;
    this.#deliver = deliver;
    this.#complain = complain;
  }

  /** `rows`: those that the hub has. */
  start(rows: readonly RightsRow[]): void {
    this.#text = textOf(rows);
  }

  /** Another server has changed them: they are read now or, if that happens often, by `look`. */
  readSoon(): void {
    if (this.#soonLeft === 0) return;
    this.#soonLeft--;
    void this.#readOnce().catch(this.#complain);
  }

  /** @throws DatabaseAway, Refused */
  async look(): Promise<void> {
    this.#soonLeft = limits.rightsReadPerLook;
    await this.#readOnce();
  }

  /** The hub's own changes are stored: what is being read may not contain them. */
  stored(changes: readonly RightsChange[]): void {
    // Another server may undo them before they are read.
    this.#text = undefined;
    if (this.#open.size === 0) return;
    this.#own.push({ until: this.#begun, changes });
    this.readSoon();
  }

  async #readOnce(): Promise<void> {
    const number = ++this.#begun;
    this.#open.add(number);
    try {
      const rows = await this.#read();
      // Delivered later, an older reading would undo a newer one.
      if (number < this.#delivered) return;
      this.#delivered = number;
      const own = this.#own.filter(({ until }) => until >= number);
      const all = withChanges(
        rows,
        own.flatMap(({ changes }) => changes),
      );
      const text = textOf(all);
      if (text === this.#text) return;
      this.#text = text;
      this.#deliver(all);
    } finally {
      this.#open.delete(number);
      const oldest = Math.min(...this.#open);
      this.#own = this.#own.filter(({ until }) => until >= oldest);
    }
  }
}

function textOf(rows: readonly RightsRow[]): string {
  return JSON.stringify([...rows].sort((a, b) => (a.key < b.key ? -1 : 1)));
}
