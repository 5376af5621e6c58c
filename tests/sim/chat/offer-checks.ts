// Whether offers of files reach their recipients: somebody whose offer waits at a server, while the
// recipient is online, has been told to go to another one, or the recipient has heard of it.

import { fold } from "../../../src/chat/names/grammar.ts";
import { isSettled } from "./member-lists.ts";
import type { NativePerson } from "./native-person.ts";
import type { Surroundings } from "./surroundings.ts";
import { fail } from "./truth.ts";

/** How long it may take: longer than a lease, and than a look on a slow link. */
const lateMs = 30_000;

export class OfferChecks {
  readonly #world: Surroundings;
  readonly #people: readonly NativePerson[];
  /** By offer: who has to hear of it, and since when. */
  #due: ReadonlyMap<string, { readonly who: NativePerson; readonly sinceMs: number }> = new Map();

  constructor(world: Surroundings, people: readonly NativePerson[]) {
    this.#world = world;
    this.#people = people;
  }

  check(): void {
    const { nowMs } = this.#world.clock;
    const due = this.#people.flatMap((person) => this.#waiting(person));
    const before = this.#due;
    this.#due = new Map(
      due.map(({ id, to }) => {
        const known = before.get(id);
        const sinceMs = known?.who === to ? known.sinceMs : nowMs;
        return [id, { who: to, sinceMs }];
      }),
    );
    for (const { id, from, to } of due) {
      const { sinceMs = nowMs } = this.#due.get(id) ?? {};
      if (nowMs - sinceMs >= lateMs) fail(`${to.name} has not heard of the offer of ${from.name}`);
    }
  }

  /** Offers of that person that somebody who is online has not heard of. */
  #waiting(from: NativePerson): { id: string; from: NativePerson; to: NativePerson }[] {
    if (!this.#isAttentive(from)) return [];
    return [...from.offering.made].flatMap(([id, { to: name, waitingMs, channel }]) => {
      if (waitingMs === undefined || channel !== undefined) return [];
      const to = this.#people.find(
        (one) => one !== from && !one.isShared && fold(one.name) === fold(name),
      );
      // Others may have had the name when the offer was made.
      const isMeant = to !== undefined && to.keptName.sinceMs < waitingMs && this.#isAttentive(to);
      return isMeant && !to.offering.heardOf.has(id) ? [{ id, from, to }] : [];
    });
  }

  #isAttentive({ isConnectionQuiet, connectedTo: server }: NativePerson): boolean {
    if (!isConnectionQuiet || server === undefined || !isSettled(server)) return false;
    return this.#world.isReachable?.(server) !== false;
  }
}
