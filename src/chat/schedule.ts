// Sessions and rooms waiting for time to pass or for the end of the turn. Operations add them;
// timers.ts removes them.

import type { Room } from "./rooms/room.ts";
import type { Session } from "./session.ts";

export class Schedule {
  /** Paced output waits for its gap. */
  readonly gaps = new Set<Session>();
  /** A history replay is due. */
  readonly replaying = new Set<Session>();
  /** A replay continues once its network has been quiet for a moment. */
  readonly replaysWaiting = new Set<Session>();
  /** Commands wait for the sender's rate. */
  readonly delayed = new Set<Session>();
  /** Commands wait for the store's answers to others of their owner (rates/long-reads.ts). */
  readonly readsWaiting = new Set<Session>();
  /** The store has answered; queued commands may run. */
  readonly unblocked = new Set<Session>();
  /** The client sent FIN; the session leaves once its messages have been accepted. */
  readonly halfClosed = new Set<Session>();
  /** The connection never had a name: it closes once what was asked on it has been answered. */
  readonly endingUnnamed = new Set<Session>();
  /** The connection closes once its output has been sent. */
  readonly ending = new Set<Session>();
  /** Rooms with overdue user lists. */
  readonly rosters = new Set<Room>();

  forget(session: Session): void {
    for (const set of this.#ofSessions) set.delete(session);
  }

  /** Number of waiting sessions and rooms. */
  get size(): number {
    return this.#ofSessions.reduce((sum, set) => sum + set.size, this.rosters.size);
  }

  get #ofSessions(): readonly Set<Session>[] {
    const { gaps, replaying, replaysWaiting, delayed, readsWaiting, unblocked } = this;
    const { halfClosed, endingUnnamed, ending } = this;
    const waiting = [gaps, replaying, replaysWaiting, delayed, readsWaiting, unblocked];
    return [...waiting, halfClosed, endingUnnamed, ending];
  }
}
