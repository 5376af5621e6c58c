// What a room says while a page of its past is read for a member: told after that page, so that a
// member catches up with a busy room however long the store takes. Bounded; pure.

import { history as limits } from "../limits.ts";
import type { Said } from "./events.ts";
import type { SaidRun } from "./said-run.ts";

export class RoomTail {
  readonly #runs: SaidRun[] = [];
  #chars = 0;
  #messages = 0;

  /** Holds everything after `seq`, unless that gets too much. */
  constructor(readonly seq: number) {}

  /** More has been said than is kept: the rest comes from the store. */
  get isOver(): boolean {
    return this.#messages > limits.pageMessages || this.#chars > limits.pageBytes;
  }

  add(run: SaidRun): void {
    this.#messages += run.length;
    this.#chars += run.chars;
    if (this.isOver) this.#runs.length = 0;
    else this.#runs.push(run);
  }

  /** The messages after `seq`; undefined if some of them are not here. */
  after(seq: number): Said[] | undefined {
    if (this.isOver || seq < this.seq) return undefined;
    const said: Said[] = [];
    for (const run of this.#runs) {
      for (let i = 0; i < run.length; i++) if (run.seq + i > seq) said.push(run.at(i));
    }
    return said;
  }
}
