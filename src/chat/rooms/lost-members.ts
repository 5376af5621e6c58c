// Room members whose connections were lost. As long as their names are reserved, they can come back
// with their former rank, and need neither another invitation nor the room's key.

import { history, people as limits } from "../../limits.ts";
import { OwnedMap } from "../../owned-map.ts";
import type { ShareOwner } from "../../share-owner.ts";
import type { RoomRank } from "../people/persona.ts";
import type { Room } from "./room.ts";

type Lost = { readonly untilMs: number; readonly rank: LostRank | undefined };

/** Ranks end when the last member leaves: `among` are those that it was one of. */
type LostRank = { readonly rank: RoomRank; readonly among: Room["ranks"] };

export class LostMembers {
  readonly #lost = new OwnedMap<Lost>(limits.maxLostMembers);

  /**
   * `person`: the key that identifies them when they return (session.ts). `owner`: whose share of
   * the memory that uses.
   */
  lost(
    room: Room,
    person: string,
    rank: RoomRank | undefined,
    owner: ShareOwner,
    nowMs: number,
  ): void {
    const untilMs = nowMs + history.mailHoldMs;
    const lost = { untilMs, rank: rank && { rank, among: room.ranks } };
    this.#lost.set(keyOf(room.name, person), lost, owner);
  }

  mayReturn(room: string, person: string, nowMs: number): boolean {
    return nowMs < (this.#lost.get(keyOf(room, person))?.untilMs ?? 0);
  }

  /** They are in the room again. Returns the rank that they have again, if any. */
  returned(room: Room, person: string, nowMs: number): RoomRank | undefined {
    const found = this.#lost.get(keyOf(room.name, person));
    this.forget(room.name, person);
    if (found?.rank?.among !== room.ranks || nowMs >= found.untilMs) return undefined;
    return found.rank.rank;
  }

  /** They are in the room again at another server, or were removed from it. */
  forget(room: string, person: string): void {
    this.#lost.delete(keyOf(room, person));
  }
}

/** Names of rooms contain no spaces. */
function keyOf(room: string, person: string): string {
  return `${room} ${person}`;
}
