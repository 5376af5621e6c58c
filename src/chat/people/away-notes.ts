// Away messages of sessions that have lost the connection: they are away again if they return while
// their names are kept. Pure.

import { history, people as limits } from "../../limits.ts";
import { OwnedMap } from "../../owned-map.ts";
import type { ShareOwner } from "../../share-owner.ts";

export class AwayNotes {
  readonly #notes = new OwnedMap<{ text: string; untilMs: number }>(limits.maxAwayNotes);

  /** `record`: the ID of the session's record. `owner`: whose share of the memory that uses. */
  keep(record: string, text: string, owner: ShareOwner, nowMs: number): void {
    this.#notes.set(record, { text, untilMs: nowMs + history.mailHoldMs }, owner);
  }

  /** Undefined: the session was not away, or returns too late. */
  take(record: string, nowMs: number): string | undefined {
    const note = this.#notes.get(record);
    this.#notes.delete(record);
    return note !== undefined && nowMs < note.untilMs ? note.text : undefined;
  }
}
