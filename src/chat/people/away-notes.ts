// Away messages of sessions that have lost the connection: they are away again if they return while
// their names are kept. Pure.

import { BoundedMap } from "../../bounded-map.ts";
import { history, people as limits } from "../../limits.ts";

export class AwayNotes {
  readonly #notes = new BoundedMap<string, { text: string; untilMs: number }>(limits.maxAwayNotes);

  /** `record`: the ID of the session's record. */
  keep(record: string, text: string, nowMs: number): void {
    this.#notes.set(record, { text, untilMs: nowMs + history.mailHoldMs });
  }

  /** Undefined: the session was not away, or returns too late. */
  take(record: string, nowMs: number): string | undefined {
    const note = this.#notes.get(record);
    this.#notes.delete(record);
    return note !== undefined && nowMs < note.untilMs ? note.text : undefined;
  }
}
