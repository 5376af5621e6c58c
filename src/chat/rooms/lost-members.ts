// Who has lost the connection to a room with conditions of entry. For as long as their names are
// kept, they may return without being invited, or knowing the room's key, again.

import { BoundedMap } from "../../bounded-map.ts";
import { history, people as limits } from "../../limits.ts";

export class LostMembers {
  readonly #untilMs = new BoundedMap<string, number>(limits.maxLostMembers);

  /** `person`: the key that identifies them when they return (session.ts). */
  lost(room: string, person: string, nowMs: number): void {
    this.#untilMs.set(keyOf(room, person), nowMs + history.mailHoldMs);
  }

  mayReturn(room: string, person: string, nowMs: number): boolean {
    return nowMs < (this.#untilMs.get(keyOf(room, person)) ?? 0);
  }

  /** They are in the room again, or were removed from it. */
  forget(room: string, person: string): void {
    this.#untilMs.delete(keyOf(room, person));
  }
}

/** Names of rooms contain no spaces. */
function keyOf(room: string, person: string): string {
  return `${room} ${person}`;
}
