// Which name a mistyped one was meant to be, for "did you mean".

import { people as limits } from "../../limits.ts";
import { nearestWord } from "../../nearest-word.ts";
import type { HubState } from "../hub-state.ts";
import { roomsOf } from "../rooms/membership.ts";
import { maySee } from "../rooms/room-rights.ts";
import type { Room } from "../rooms/room.ts";
import type { Session } from "../session.ts";
import { fold, lobby } from "./grammar.ts";

/**
 * The one of the names that is nearest to the typed one, if one is close; of many, the first
 * `people.maxCompared` are compared.
 */
export function nearestName(typed: string, names: Iterable<string>): string | undefined {
  const byFolded = new Map<string, string>();
  for (const name of names) {
    if (byFolded.size >= limits.maxCompared) break;
    byFolded.set(fold(name), name);
  }
  const near = nearestWord(fold(typed), [...byFolded.keys()]);
  return near === undefined ? undefined : byFolded.get(near);
}

/**
 * The nearest name among the people in the session's rooms, or in the lobby if it is in none, as
 * `send-file`. Charges for the comparisons.
 */
export function nearestSeen(hub: HubState, session: Session, typed: string): string | undefined {
  const rooms = roomsOf(hub, session);
  const open = hub.rooms.get(lobby);
  if (rooms.length === 0 && open !== undefined && maySee(hub, session, lobby)) rooms.push(open);
  let members = 0;
  for (const { memberCount } of rooms) members += memberCount;
  const compared = Math.min(members, limits.maxCompared);
  session.queue.charge(limits.searchedChars * compared, hub.options.rates, hub.nowMs);
  return nearestName(typed, othersIn(rooms, session.name));
}

function* othersIn(rooms: readonly Room[], self: string): Iterable<string> {
  for (const { roster, elsewhere } of rooms) {
    for (const name of roster.values()) if (name !== self) yield name;
    for (const [, name] of elsewhere?.entries() ?? []) yield name;
  }
}
