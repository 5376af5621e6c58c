// The members of rooms as a client shows them: a list on entering, then the changes that it hears
// of. With nothing in transit or unsettled, they are those of its server.

import type { ServerProcess } from "./server-process.ts";
import { fail } from "./truth.ts";
import { keptBy, membersOf } from "../../chat/inspect.ts";

/** How long a list may differ from the server's: longer than a lease. */
const wrongMs = 20_000;

export class MemberLists {
  /** By room. Undefined: the list has not arrived yet. */
  readonly #members = new Map<string, Set<string> | undefined>();
  /** By room and name: since when they have been missing, or shown although they are not there. */
  readonly #wrongSinceMs = new Map<string, ReadonlyMap<string, number>>();
  /** The server that the client is connected to. */
  #server: ServerProcess | undefined;

  constructor(readonly owner: string) {}

  /** Connected to that server, and in no room yet. */
  follow(server: ServerProcess): void {
    this.#server = server;
    this.forget();
  }

  forget(): void {
    this.#members.clear();
    this.#wrongSinceMs.clear();
  }

  await(room: string): void {
    this.#members.set(room, undefined);
  }

  parted(room: string): void {
    this.#members.delete(room);
    this.#wrongSinceMs.delete(room);
  }

  listed(room: string, names: readonly string[]): void {
    if (this.#members.has(room)) this.#members.set(room, new Set(names));
  }

  joined(room: string, name: string): void {
    this.#members.get(room)?.add(name);
  }

  left(room: string, name: string): void {
    this.#members.get(room)?.delete(name);
  }

  /** In all rooms. */
  leftAll(name: string): void {
    for (const room of this.#members.keys()) this.left(room, name);
  }

  /** In all rooms, or in one. */
  renamed(from: string, to: string, only?: string): void {
    for (const [room, members] of this.#members) {
      if ((only ?? room) === room && members?.delete(from) === true) members.add(to);
    }
  }

  /** `isQuiet`: nothing is in transit to the client, or from it. */
  check(isQuiet: boolean, nowMs: number): void {
    if (!isQuiet || this.#server === undefined || !isSettled(this.#server)) return;
    const { hub } = this.#server;
    for (const [room, members] of this.#members) {
      const truth = new Set(membersOf(hub, room).everywhere);
      const wrong = members === undefined ? [] : members.symmetricDifference(truth);
      const before = this.#wrongSinceMs.get(room);
      // Those who have moved from another server may still be there for the server, not for it.
      const sinceMs = new Map(Array.from(wrong, (name) => [name, before?.get(name) ?? nowMs]));
      this.#wrongSinceMs.set(room, sinceMs);
      const longest = [...sinceMs].find(([, sinceMs]) => nowMs - sinceMs >= wrongMs);
      if (longest === undefined) continue;
      const shown = [...(members ?? [])].sort().join(" ");
      const are = [...truth].sort().join(" ");
      fail(`${this.owner} shows ${shown} in ${room}, where ${are} are: ${longest[0]} is wrong`);
    }
  }
}

/** Clients have been told everything that has happened. */
export function isSettled({ hub, isDead, life }: ServerProcess): boolean {
  if (isDead || life.isPaused) return false;
  const kept = keptBy(hub);
  const unsettled = ["schedule", "requests", "batches", "backlogBytes"] as const;
  return unsettled.every((what) => kept[what] === 0);
}
