// Messages that arrive in a room while a page of its history is being read; they are sent after
// that page. This lets a member catch up with a busy room even if the store is slow. Bounded; pure.

import { history as limits } from "../../limits.ts";
import type { Said } from "../events.ts";
import type { SaidRun } from "../rooms/said-run.ts";

export class RoomTail {
  readonly #runs: SaidRun[] = [];
  #chars = 0;
  #messages = 0;

  /** Collects everything after `seq`, up to a bound. */
  constructor(readonly seq: number) {}

  /** More arrived than is kept; the rest must come from the store. */
  get hasOverflowed(): boolean {
    return this.#messages > limits.pageMessages || this.#chars > limits.pageBytes;
  }

  add(run: SaidRun): void {
    this.#messages += run.length;
    this.#chars += run.chars;
    if (this.hasOverflowed) this.#runs.length = 0;
    else this.#runs.push(run);
  }

  /** The messages after `seq`; undefined if some are missing here. */
  after(seq: number): Said[] | undefined {
    if (this.hasOverflowed || seq < this.seq) return undefined;
    const said: Said[] = [];
    for (const run of this.#runs) {
      for (let i = 0; i < run.length; i++) if (run.seq + i > seq) said.push(run.at(i));
    }
    return said;
  }
}
