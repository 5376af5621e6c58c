// What is due by time: gaps between an unframed client's messages, the past of a returning member, delayed messages, owed user
// lists, connections that end, and once a second everyone's silence. The adapter calls `tick` by `nextMs`.

import { ParleyError } from "../errors.ts";
import { connections as limits, history, output } from "../limits.ts";
import type { LeaveReason } from "./events.ts";
import { dropSlow, lose } from "./disconnect.ts";
import type { Hub } from "./hub.ts";
import { continueReplay } from "./replay.ts";
import type { Room } from "./room.ts";
import { releaseDelayed } from "./sender-limits.ts";
import type { Session } from "./session.ts";

/** Between two looks at clients that wait for a gap, in milliseconds: a fifth of the gap (`output.unframedGapMs`). */
const gapTickMs = 4;
/** At senders over their rate, and at connections that leave. */
const delayTickMs = 10;
/** At owed lists of users. */
const rosterTickMs = 100;
/** At everyone: silence, ends that take too long, records that grow old, the gauges. */
const sweepMs = 1_000;

/**
 * The other side has sent no goodbye, just its FIN. A system without sessions has no other; in one that has them, it is what a
 * process or a proxy leaves that has died, and whoever it was may come back.
 */
export function reasonOfEnd(session: Session): LeaveReason {
  return session.recordId === "" ? "quit" : "lost";
}

export class Due {
  readonly #hub: Hub;
  readonly #gaps = new Set<Session>();
  readonly #replaying = new Set<Session>();
  readonly #delayed = new Set<Session>();
  readonly #leaving = new Set<Session>();
  readonly #ending = new Set<Session>();
  readonly #rosters = new Set<Room>();
  #sweptMs = 0;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  /** The session's next message waits for the gap after the one before. */
  gap(session: Session): void {
    // The adapter learns of a new deadline at the end of a turn.
    if (this.#gaps.size === 0) this.#hub.turn.wake();
    this.#gaps.add(session);
  }

  /** The session has yet to be told of the past. */
  replay(session: Session): void {
    this.#replaying.add(session);
    this.#hub.turn.wake();
  }

  /** The session's commands wait for its rate. */
  delayed(session: Session): void {
    if (this.#delayed.size === 0) this.#hub.turn.wake();
    this.#delayed.add(session);
  }

  /** The other side sends no more: the session leaves as soon as its messages have been taken. */
  leaving(session: Session): void {
    session.endedMs = this.#hub.nowMs;
    this.#leaving.add(session);
    this.#hub.turn.wake();
  }

  /** The connection ends once its output has left. */
  ending(session: Session): void {
    session.endAfterFlush = false;
    session.endingMs = this.#hub.nowMs;
    session.pumpSpaced(this.#hub.nowMs);
    this.#ending.add(session);
    this.finish(session);
  }

  /** Ends the connection if it is over and everything has left. */
  finish(session: Session): void {
    if (session.outbox.blocked || session.waitsForGap) return;
    if (this.#ending.delete(session)) session.link.end();
  }

  /** The room may owe a list of users. */
  roster(room: Room): void {
    for (const voice of room.voices.values()) if (voice.rosterDue) this.#rosters.add(room);
  }

  forget(session: Session): void {
    const all = [this.#gaps, this.#replaying, this.#delayed, this.#leaving, this.#ending];
    for (const set of all) set.delete(session);
  }

  /** How many sessions and rooms wait for anything. */
  get size(): number {
    const sets = [this.#gaps, this.#replaying, this.#delayed, this.#leaving, this.#ending];
    return sets.reduce((sum, set) => sum + set.size, this.#rosters.size);
  }

  forgetRoom(room: Room): void {
    this.#rosters.delete(room);
  }

  forgetRooms(): void {
    this.#rosters.clear();
  }

  /** What follows the end of a turn. */
  afterTurn(): void {
    for (const session of this.#leaving) {
      if (session.delayed === undefined) this.#hub.part(session, reasonOfEnd(session));
    }
    for (const session of this.#replaying) {
      if (!session.outbox.blocked) this.#replayPage(session);
      if (session.replay === undefined) this.#replaying.delete(session);
    }
  }

  /** Of a past that can't be read nothing may be left out silently: the member is told, and may come back for it. */
  #replayPage(session: Session): void {
    try {
      continueReplay(this.#hub, session);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      this.#hub.options.warn(error.message);
      lose(this.#hub, session, error.message);
    }
  }

  tick(): void {
    const { nowMs } = this.#hub;
    for (const session of this.#gaps) {
      // One that waits for its link is called when that drains; no timer runs for it.
      if (!session.pumpSpaced(nowMs) || session.outbox.blocked) this.#gaps.delete(session);
    }
    for (const session of this.#ending) this.finish(session);
    for (const session of this.#delayed) {
      if (releaseDelayed(this.#hub, session)) this.#delayed.delete(session);
    }
    for (const session of this.#leaving) this.#leave(session);
    for (const room of this.#rosters) this.#payRosters(room);
    if (nowMs - this.#sweptMs >= sweepMs) this.#sweep();
  }

  /** When `tick` wants to be called next. */
  get nextMs(): number {
    const { nowMs } = this.#hub;
    if (this.#gaps.size > 0) return nowMs + gapTickMs;
    if (this.#delayed.size + this.#leaving.size > 0) return nowMs + delayTickMs;
    return nowMs + (this.#rosters.size > 0 ? rosterTickMs : sweepMs);
  }

  /** Late answers (a list of files) have had their time: the connection ends. */
  #leave(session: Session): void {
    if (session.delayed !== undefined) return;
    if (this.#hub.nowMs - session.endedMs < limits.afterFinMs) return;
    this.#leaving.delete(session);
    this.#hub.end(session);
  }

  #payRosters(room: Room): void {
    let owed = false;
    for (const voice of room.voices.values()) {
      if (!voice.rosterDue) continue;
      if (voice.payRoster(() => room.names(), this.#hub.nowMs)) owed = true;
      else for (const session of voice.members) this.#hub.turn.touch(session);
    }
    if (!owed) this.#rosters.delete(room);
  }

  #sweep(): void {
    const hub = this.#hub;
    const { metrics } = hub.options;
    this.#freshen(hub.nowMs - this.#sweptMs);
    this.#sweptMs = hub.nowMs;
    metrics.rooms = hub.rooms.size;
    metrics.members = hub.members.size;
    metrics.lagBytes = 0;
    metrics.lagMaxBytes = 0;
    for (const session of hub.sessions) {
      const lag = session.lagBytes;
      metrics.lagBytes += lag;
      metrics.lagMaxBytes = Math.max(metrics.lagMaxBytes, lag);
      this.#sweepSession(session);
    }
  }

  /**
   * Writes the records of members who have said nothing for long, so that they are not taken for people who left long ago. A few a
   * sweep, twice as many as grow old in that time: those who came at the same moment do not stay together.
   */
  #freshen(sinceMs: number): void {
    const { records, nowMs, turn } = this.#hub;
    let left = Math.ceil((2 * records.size * sinceMs) / history.recordFreshMs);
    for (const session of records.values()) {
      if (nowMs - session.recordMs < history.recordFreshMs) continue;
      if (left-- <= 0) return;
      turn.keepRecord(session);
    }
  }

  /** Whether the other side has taken nothing of what waits for so long that it will not. */
  #isStalled(session: Session): boolean {
    const { outbox } = session;
    const { nowMs } = this.#hub;
    if (!outbox.blocked) session.stalledMs = 0;
    else if (session.stalledMs === 0 || outbox.takenBytes !== session.takenBytes) {
      session.stalledMs = nowMs;
      session.takenBytes = outbox.takenBytes;
    }
    return session.stalledMs > 0 && nowMs - session.stalledMs > output.stallMs;
  }

  /** Who gave no name in time, who does not answer, whose last bytes nobody takes. */
  #sweepSession(session: Session): void {
    const hub = this.#hub;
    const { nowMs } = hub;
    const silentMs = nowMs - session.heardMs;
    if (session.phase === "ending") {
      if (nowMs - session.endingMs > limits.drainMs) session.link.abort();
    } else if (this.#isStalled(session)) {
      dropSlow(hub, session);
    } else if (session.phase === "new") {
      // From the beginning: what is no name, a blank line even, wins no time.
      const isEarly = nowMs - session.openedMs <= limits.loginTimeoutMs;
      if (session.conversation.settled === true || isEarly) return;
      const reason = `No name came within ${limits.loginTimeoutMs / 1000} s: connect again`;
      hub.tell(session, { type: "bye", reason });
      hub.end(session);
    } else if (session.pingedMs > 0) {
      if (nowMs - session.pingedMs <= limits.idleCloseMs) return;
      session.link.abort();
      hub.closed(session, "lost", nowMs);
    } else if (silentMs > limits.idlePingMs) {
      if (session.conversation.render({ type: "ping" }) === undefined) return;
      session.pingedMs = nowMs;
      hub.tell(session, { type: "ping" });
    }
  }
}
