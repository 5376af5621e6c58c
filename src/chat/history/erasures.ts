// The messages that operators have deleted last: clients that were disconnected meanwhile must stop
// showing them too, and what was read or said before must not be sent any more. Pure.

import { protocol as limits } from "../../limits.ts";
import type { Said } from "../events.ts";
import { deletedText } from "../../protocol/messages.ts";
import type { SaidRun } from "../rooms/said-run.ts";

export class Erasures {
  /** Oldest first. */
  readonly #last: { readonly room: string; readonly seq: number }[] = [];

  /** False: it is among them already. */
  note(room: string, seq: number): boolean {
    if (this.#last.some((one) => one.room === room && one.seq === seq)) return false;
    if (this.#last.push({ room, seq }) > limits.erasures) this.#last.shift();
    return true;
  }

  /** Those in a room among the messages up to `seq`. */
  upTo(room: string, seq: number): readonly number[] {
    return this.#last.flatMap((one) => (one.room === room && one.seq <= seq ? [one.seq] : []));
  }

  /** Messages of a room, without the texts that were deleted since the store has read them. */
  without(messages: readonly Said[]): readonly Said[] {
    const { room = "", seq = 0 } = messages.at(-1) ?? {};
    const gone = new Set(this.upTo(room, seq));
    if (gone.size === 0) return messages;
    return messages.map((said) =>
      gone.has(said.seq) ? { ...said, text: deletedText, deleted: true } : said,
    );
  }

  /** Erases what was deleted, at another server, before it is delivered here. */
  eraseIn(run: SaidRun): void {
    for (const seq of this.upTo(run.room, run.seq + run.length - 1)) run.erase(seq);
  }
}
