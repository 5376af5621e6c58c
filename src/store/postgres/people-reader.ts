// Looks for people at other servers whom notifications have missed: each time among the next part
// of the watched names, since there may be very many.

import type { ForeignEvent, SharedHub } from "../../chat/elsewhere/foreign-events.ts";
import { postgres as limits } from "../../limits.ts";
import type { PostgresDirectory } from "./directory.ts";

type Store = {
  readonly serverId: string;
  readonly directory: Pick<PostgresDirectory, "find">;
};

export class PeopleReader {
  readonly #store: Store;
  readonly #deliver: (event: ForeignEvent) => void;
  /** Watched names that are still to be looked up in this round. */
  #left: readonly string[] = [];
  /** Folded names that notifications have been about since the last look. */
  readonly #news = new Set<string>();

  constructor(store: Store, deliver: (event: ForeignEvent) => void) {
    this.#store = store;
    this.#deliver = deliver;
  }

  /** A notification about people with these folded names is newer than what is being read. */
  handleNews(names: Iterable<string>): void {
    for (const folded of names) this.#news.add(folded);
  }

  /** @throws DatabaseAway, Refused */
  async look(hub: SharedHub): Promise<void> {
    this.#news.clear();
    if (this.#left.length === 0) this.#left = hub.watchedNames();
    const asked = this.#left.slice(0, limits.watchedPerLook);
    if (asked.length === 0) return;
    const found = await this.#store.directory.find(asked, this.#store.serverId);
    this.#left = this.#left.slice(asked.length);
    const names = asked.filter((folded) => !this.#news.has(folded));
    const people = found.filter(({ folded }) => !this.#news.has(folded));
    this.#deliver({ type: "watched", names, people });
  }
}
