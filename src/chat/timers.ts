// What is due by time: gaps between an unframed client's messages, delayed commands, owed user lists, connections that end, and once
// a second everybody's silence. The adapter calls `handleTimeout` by `nextMs`.

import { connections as limits, history, output } from "../limits.ts";
import { deliverAnswers, payRosters } from "./delivery.ts";
import { dropSlow, end, partAll, reasonOfEnd } from "./disconnect.ts";
import type { HubState } from "./hub-state.ts";
import { releaseCommands } from "./pacing.ts";
import { continueReplay } from "./replay.ts";
import type { Session } from "./session.ts";

/** Between two looks at clients that wait for a gap, in milliseconds: a fifth of the gap (`output.unframedGapMs`). */
const gapTickMs = 4;
/** At senders over their rate, and at connections that leave. */
const delayTickMs = 10;
/** At owed lists of users. */
const rosterTickMs = 100;
/** At everybody: silence, ends that take too long, records that grow old, the gauges. */
const sweepMs = 1_000;

export class Timers {
  readonly #chat: HubState;
  #sweptMs = 0;

  constructor(chat: HubState) {
    this.#chat = chat;
  }

  /** When `handleTimeout` wants to be called next. */
  get nextMs(): number {
    const { nowMs, schedule, store } = this.#chat;
    if (schedule.gaps.size > 0) return nowMs + gapTickMs;
    if (schedule.delayed.size + schedule.leaving.size > 0) return nowMs + delayTickMs;
    const dueMs = nowMs + (schedule.rosters.size > 0 ? rosterTickMs : sweepMs);
    return Math.min(dueMs, Math.max(nowMs, store.nextMs));
  }

  /** The turn has ended, and the store has been asked: what follows a turn. */
  handleTurnEnd(): void {
    const chat = this.#chat;
    deliverAnswers(chat);
    for (const session of chat.schedule.ending) this.#finish(session);
    for (const session of chat.schedule.leaving) {
      const { isBlocked, length } = session.queue;
      if (!isBlocked && length === 0) partAll(chat, session, reasonOfEnd(session));
    }
    for (const session of chat.schedule.replaying) {
      if (!session.output.outbox.blocked) continueReplay(chat, session);
    }
  }

  handleTimeout(): void {
    const { nowMs, schedule } = this.#chat;
    for (const session of schedule.gaps) {
      // One that waits for its link is called when that drains; no timer runs for it.
      const { output } = session;
      if (!output.pump(nowMs) || output.outbox.blocked) schedule.gaps.delete(session);
    }
    for (const session of schedule.ending) this.#finish(session);
    for (const session of schedule.delayed) {
      if (releaseCommands(this.#chat, session)) schedule.delayed.delete(session);
    }
    for (const session of schedule.leaving) this.#leave(session);
    for (const room of schedule.rosters) {
      if (!payRosters(this.#chat, room)) schedule.rosters.delete(room);
    }
    if (nowMs - this.#sweptMs >= sweepMs) this.#sweep();
  }

  /** Ends the connection if everything has left. */
  #finish(session: Session): void {
    const { output, liveness, link } = session;
    const { schedule, nowMs } = this.#chat;
    if (liveness.endingMs === 0) liveness.endingMs = nowMs;
    if (output.pump(nowMs)) schedule.gaps.add(session);
    if (output.outbox.blocked || output.waitsForGap) return;
    schedule.ending.delete(session);
    link.end();
  }

  /** Late answers (a list of files) have had their time: the connection ends. */
  #leave(session: Session): void {
    const { queue, liveness } = session;
    if (queue.isBlocked || queue.length > 0) return;
    if (this.#chat.nowMs - liveness.endedMs < limits.afterFinMs) return;
    this.#chat.schedule.leaving.delete(session);
    end(this.#chat, session);
  }

  #sweep(): void {
    const chat = this.#chat;
    const { metrics } = chat.options;
    this.#freshen(chat.nowMs - this.#sweptMs);
    this.#sweptMs = chat.nowMs;
    // Records that a failed batch has left are written again, whether anything else happens or not.
    if (!chat.pipeline.isSettled) chat.wake();
    metrics.rooms = chat.rooms.size;
    metrics.members = chat.names.size;
    metrics.lagBytes = 0;
    metrics.lagMaxBytes = 0;
    for (const session of chat.sessions) {
      const lag = session.output.lagBytes;
      metrics.lagBytes += lag;
      metrics.lagMaxBytes = Math.max(metrics.lagMaxBytes, lag);
      this.#sweepSession(session);
    }
  }

  /**
   * Writes the records of members who have said nothing for long, so that they are not taken for people who left long ago. A few
   * a sweep, twice as many as grow old in that time: those who came at the same moment do not stay together.
   */
  #freshen(sinceMs: number): void {
    const { names, nowMs } = this.#chat;
    let left = Math.ceil((2 * names.size * sinceMs) / history.recordFreshMs);
    for (const session of names.members()) {
      if (nowMs - session.liveness.recordedMs < history.recordFreshMs) continue;
      if (session.identity.recordId === "") continue;
      if (left-- <= 0) return;
      this.#chat.record(session);
    }
  }

  /** Whether the other side has taken nothing of what waits for so long that it will not. */
  #isStalled({ output: { outbox }, liveness }: Session): boolean {
    const { nowMs } = this.#chat;
    if (!outbox.blocked) liveness.stalledMs = 0;
    else if (liveness.stalledMs === 0 || outbox.takenBytes !== liveness.takenBytes) {
      liveness.stalledMs = nowMs;
      liveness.takenBytes = outbox.takenBytes;
    }
    return liveness.stalledMs > 0 && nowMs - liveness.stalledMs > output.stallMs;
  }

  /** Who gave no name in time, who does not answer, whose last bytes nobody takes. */
  #sweepSession(session: Session): void {
    const chat = this.#chat;
    const { nowMs } = chat;
    const { phase, liveness, link } = session;
    if (phase === "ending") {
      if (liveness.endingMs > 0 && nowMs - liveness.endingMs > limits.drainMs) link.abort();
    } else if (this.#isStalled(session)) {
      dropSlow(chat, session);
    } else if (phase === "new") {
      // From the beginning: what is no name, a blank line even, wins no time.
      const isEarly = nowMs - session.openedMs <= limits.loginTimeoutMs;
      if (session.conversation.settled === true || isEarly) return;
      const reason = `No name came within ${limits.loginTimeoutMs / 1000} s: connect again`;
      chat.tell(session, { type: "bye", reason });
      end(chat, session);
    } else if (liveness.pingedMs > 0) {
      if (nowMs - liveness.pingedMs > limits.idleCloseMs) link.abort();
    } else if (nowMs - liveness.heardMs > limits.idlePingMs) {
      if (session.conversation.render({ type: "ping" }) === undefined) return;
      liveness.pingedMs = nowMs;
      chat.tell(session, { type: "ping" });
    }
  }
}
