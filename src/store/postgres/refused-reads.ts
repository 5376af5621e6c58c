// The rooms whose messages the database refuses to read, and when to go on without them.

import { postgres as limits } from "../../limits.ts";

export class RefusedReads {
  /** How often in a row. */
  readonly #times = new Map<string, number>();
  /** Counted once between two looks, since notifications may ask many times a second. */
  readonly #counted = new Set<string>();

  /** Forgets the rooms that are not open. */
  beginLook(isOpen: (room: string) => boolean): void {
    this.#counted.clear();
    for (const room of this.#times.keys()) if (!isOpen(room)) this.#times.delete(room);
  }

  noteRead(room: string): void {
    this.#times.delete(room);
  }

  /** True: that was often enough, and some messages are to be left out. */
  noteRefused(room: string): boolean {
    const before = this.#times.get(room) ?? 0;
    if (before < limits.refusedReads && this.#counted.has(room)) return false;
    this.#counted.add(room);
    this.#times.set(room, before + 1);
    return before + 1 >= limits.refusedReads;
  }

  /** How many: twice as many each time, since nobody knows which they are. */
  leftOutOf(room: string): number {
    return 2 ** ((this.#times.get(room) ?? 0) - limits.refusedReads);
  }
}
