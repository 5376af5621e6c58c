// One page of the room list.

import { fold } from "../names/grammar.ts";

/** A room, wherever its members are connected. */
export type ListedRoom = {
  readonly name: string;
  readonly isPopulated: boolean;
  readonly memberCount: number;
};

/**
 * At most `limit` rooms that sort after `after` by name. `next` is the last name if more follow.
 */
export function roomPage(
  all: Iterable<ListedRoom>,
  after: string | undefined,
  limit: number,
): { rooms: { room: string; members: number }[]; next: string | undefined } {
  const from = after === undefined ? "" : fold(after);
  const rest = Array.from(all).filter((room) => room.name > from && room.isPopulated);
  rest.sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = rest.slice(0, limit);
  return {
    rooms: page.map((room) => ({ room: room.name, members: room.memberCount })),
    next: page.length < rest.length ? page.at(-1)?.name : undefined,
  };
}
