// Who is away in the channels that an IRC client is in: a WHO on entering, then AWAY lines.

import { fail } from "./truth.ts";
import type { ServerProcess } from "./server-process.ts";
import { awayIn } from "../../chat/inspect.ts";

/** How long it may differ from the server's: longer than a lease. */
const wrongMs = 20_000;

export class AwayViews {
  /** By room and nick. Undefined: the answer to WHO has not arrived yet. */
  readonly #rooms = new Map<string, Map<string, boolean> | undefined>();
  readonly #listed = new Map<string, boolean>();
  readonly #wrongSinceMs = new Map<string, number>();

  constructor(readonly owner: string) {}

  forget(): void {
    this.#rooms.clear();
    this.#listed.clear();
    this.#wrongSinceMs.clear();
  }

  entered(room: string): void {
    this.#rooms.set(room, undefined);
  }

  parted(room: string): void {
    this.#rooms.delete(room);
  }

  /** A line of the answer to WHO. */
  listed(nick: string, isAway: boolean): void {
    this.#listed.set(nick, isAway);
  }

  /** The end of the answer. */
  allListed(room: string): void {
    if (this.#rooms.has(room)) this.#rooms.set(room, new Map(this.#listed));
    this.#listed.clear();
  }

  joined(room: string, nick: string): void {
    this.#rooms.get(room)?.set(nick, false);
  }

  left(room: string, nick: string): void {
    this.#rooms.get(room)?.delete(nick);
  }

  leftAll(nick: string): void {
    for (const people of this.#rooms.values()) people?.delete(nick);
  }

  renamed(from: string, to: string): void {
    for (const people of this.#rooms.values()) {
      const isAway = people?.get(from);
      if (isAway !== undefined && people?.delete(from) === true) people.set(to, isAway);
    }
  }

  told(nick: string, isAway: boolean): void {
    for (const people of this.#rooms.values()) {
      if (people?.has(nick) === true) people.set(nick, isAway);
    }
  }

  /** Nothing is in transit or unsettled. That the muted are away is not told. */
  check({ hub }: ServerProcess, self: string, nowMs: number): void {
    const wrong = Array.from(this.#rooms, ([room, people = new Map<string, boolean>()]) => {
      const away = awayIn(hub, room);
      // Clients are not told of their own user.
      const others = [...people].filter(([nick]) => nick !== self && away.has(nick));
      const shown = others.filter(([nick, isAway]) => isAway && away.get(nick) === false);
      return shown.map(([nick]) => `${nick} as away in ${room}`);
    }).flat();
    for (const what of this.#wrongSinceMs.keys()) {
      if (!wrong.includes(what)) this.#wrongSinceMs.delete(what);
    }
    for (const what of wrong) {
      const sinceMs = this.#wrongSinceMs.get(what) ?? nowMs;
      this.#wrongSinceMs.set(what, sinceMs);
      if (nowMs - sinceMs >= wrongMs) fail(`${this.owner} shows ${what}`);
    }
  }
}
