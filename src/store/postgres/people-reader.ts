// Looks for people at other servers whom notifications have missed: among a part of the watched
// names each time, since there may be very many.

import type { ForeignEvent, SharedHub } from "../../chat/elsewhere/foreign-events.ts";
import { postgres as limits } from "../../limits.ts";
import type { PostgresStore } from "./store.ts";

export class PeopleReader {
  readonly #store: PostgresStore;
  readonly #deliver: (event: ForeignEvent) => void;
  #mayMissAny = false;
  /** Watched names that are still to be looked up. */
  #left: readonly string[] = [];

  constructor(store: PostgresStore, deliver: (event: ForeignEvent) => void) {
    this.#store = store;
    this.#deliver = deliver;
  }

  /** Users may have joined or left without a notification. */
  mayMissAny(): void {
    this.#mayMissAny = true;
  }

  /** @throws DatabaseAway, Refused */
  async look(hub: SharedHub): Promise<void> {
    if (this.#mayMissAny) this.#left = hub.watchedNames();
    this.#mayMissAny = false;
    const names = this.#left.slice(0, limits.watchedPerLook);
    if (names.length === 0) return;
    const people = await this.#store.directory.find(names, this.#store.serverId);
    this.#left = this.#left.slice(names.length);
    this.#deliver({ type: "watched", names, people });
  }
}
