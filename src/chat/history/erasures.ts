// The messages that operators have deleted last: clients that were disconnected meanwhile must stop
// showing them too. Pure.

import { protocol as limits } from "../../limits.ts";

export class Erasures {
  /** Oldest first. */
  readonly #last: { readonly room: string; readonly seq: number }[] = [];

  note(room: string, seq: number): void {
    if (this.#last.push({ room, seq }) > limits.erasures) this.#last.shift();
  }

  /** Those in a room among the messages up to `seq`. */
  upTo(room: string, seq: number): readonly number[] {
    return this.#last.flatMap((one) => (one.room === room && one.seq <= seq ? [one.seq] : []));
  }
}
