// Who waits for time to pass, or for the end of the turn. Operations put sessions and rooms in; timers.ts takes them out.

import type { Room } from "./room.ts";
import type { Session } from "./session.ts";

export class Schedule {
  /** The next message waits for the gap after the one before. */
  readonly gaps = new Set<Session>();
  /** Has yet to be told of the past. */
  readonly replaying = new Set<Session>();
  /** Commands wait for the sender's rate. */
  readonly delayed = new Set<Session>();
  /** The store has answered: commands that waited for that may run. */
  readonly unblocked = new Set<Session>();
  /** The other side sends no more: leaves as soon as its messages have been taken. */
  readonly leaving = new Set<Session>();
  /** The connection ends once its output has left. */
  readonly ending = new Set<Session>();
  /** Rooms that may owe a list of users. */
  readonly rosters = new Set<Room>();

  forget(session: Session): void {
    const { gaps, replaying, delayed, unblocked, leaving, ending } = this;
    for (const set of [gaps, replaying, delayed, unblocked, leaving, ending]) set.delete(session);
  }

  /** How many sessions and rooms wait for anything. */
  get size(): number {
    const { gaps, replaying, delayed, unblocked, leaving, ending, rosters } = this;
    const sets = [gaps, replaying, delayed, unblocked, leaving, ending];
    return sets.reduce((sum, set) => sum + set.size, rosters.size);
  }
}
