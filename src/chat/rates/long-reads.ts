// For how many requests of each owner the store is reading many messages. What such an answer costs
// is charged when it is there: if all connections of a network asked at once, they would get far
// more than their share, and what they say would wait until that is paid for. Pure.

import { sender as limits } from "../../limits.ts";
import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";
import type { Session } from "../session.ts";

export class LongReads {
  /** Who pays for those that have begun in this turn. */
  readonly served = new Set<string>();
  readonly #counts = new ShareCounts(limits.readsPerOwner, Infinity);
  /** Who is charged for the request of each session, which may prove an account meanwhile. */
  readonly #owners = new Map<Session, ShareOwner>();

  /** Whether the session has to wait for others of its owner. */
  mustWait({ shareOwner }: Session): boolean {
    return this.#counts.full(shareOwner) !== undefined;
  }

  /** The session waits for the store. */
  began(session: Session): void {
    const { shareOwner } = session;
    this.#owners.set(session, shareOwner);
    this.#counts.add(shareOwner);
  }

  /** The session waits for nothing any more. False: it did not wait for such a request. */
  ended(session: Session): boolean {
    const owner = this.#owners.get(session);
    if (owner === undefined) return false;
    this.#owners.delete(session);
    this.#counts.remove(owner);
    return true;
  }

  /** Number of sessions whose requests are being read. */
  get size(): number {
    return this.#owners.size;
  }
}
