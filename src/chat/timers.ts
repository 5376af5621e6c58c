// Everything that is due at some time: paced output, delayed commands, overdue user lists, closing
// connections, and a sweep over all sessions once a second. The adapter calls `handleTimeout` by
// `nextMs`.

import { connections as limits, history, output, sender } from "../limits.ts";
import { deliverAnswers, sendDueRosters } from "./turn/delivery.ts";
import { dropSlow, endSession, expel, partAll, reasonForEnd } from "./disconnect.ts";
import type { HubState } from "./hub-state.ts";
import { mayPumpFrames, pumpFrames } from "./offers/channel-frames.ts";
import { expireCodes } from "./offers/code-commands.ts";
import { expireOffers } from "./offers/offer-commands.ts";
import { releaseDelayed } from "./rates/throttle.ts";
import { continueReplay, isReplayDue } from "./history/replay.ts";
import { retryRights } from "./rights-store.ts";
import type { Session } from "./session.ts";
import type { TurnBatch } from "./turn/turn-batch.ts";

/** Tick while paced output waits: a fifth of its gap (`output.unframedGapMs`). */
const gapTickMs = 4;
/** Tick while commands are delayed or sessions are leaving. */
const delayTickMs = 10;
/** Tick while user lists are overdue, or replays wait for their network. */
const rosterTickMs = 100;
/** Sweep over all sessions: timeouts, stalled links, aging records, gauges. */
const sweepMs = 1_000;

export class Timers {
  readonly #hub: HubState;
  #sweptMs = 0;
  /** The batch that the store is committing, and at how many sweeps. */
  #awaited: { batch: TurnBatch | undefined; sweeps: number } = { batch: undefined, sweeps: 0 };

  constructor(hub: HubState) {
    this.#hub = hub;
  }

  /** When `handleTimeout` must be called next. */
  get nextMs(): number {
    const { nowMs, schedule, store } = this.#hub;
    if (schedule.gaps.size > 0) return nowMs + gapTickMs;
    if (schedule.delayed.size + schedule.halfClosed.size > 0) return nowMs + delayTickMs;
    const isSoon = schedule.rosters.size + schedule.replaysWaiting.size > 0;
    const dueMs = nowMs + (isSoon ? rosterTickMs : sweepMs);
    return Math.min(dueMs, Math.max(nowMs, store.nextMs));
  }

  /** Work at the end of a turn, after the store has been asked. */
  handleTurnEnd(): void {
    const hub = this.#hub;
    pumpFrames(hub);
    deliverAnswers(hub);
    if (mayPumpFrames(hub)) hub.wake();
    for (const session of hub.schedule.endingUnnamed) this.#endUnnamed(session);
    for (const session of hub.schedule.ending) this.#finish(session);
    for (const session of hub.schedule.halfClosed) {
      const { isBlocked, length } = session.queue;
      // Its input may have ended before it became a member.
      if (session.staysAfterEnd) hub.schedule.halfClosed.delete(session);
      else if (!isBlocked && length === 0) partAll(hub, session, reasonForEnd(session));
    }
    this.#replay();
  }

  /**
   * Continues some replays. They take turns, so that a returning crowd does not stop everything
   * else.
   */
  #replay(): void {
    const { replaying, replaysWaiting } = this.#hub.schedule;
    let left: number = history.replaysPerTurn;
    for (const session of replaying) {
      if (session.output.outbox.blocked) continue;
      if (left === 0) return this.#hub.wake();
      if (!isReplayDue(this.#hub, session)) {
        replaying.delete(session);
        replaysWaiting.add(session);
        continue;
      }
      left--;
      continueReplay(this.#hub, session);
    }
  }

  handleTimeout(): void {
    const { nowMs, schedule } = this.#hub;
    for (const session of schedule.gaps) {
      // A blocked link wakes the session when it drains, without a timer.
      const { output } = session;
      if (!output.pump(nowMs) || output.outbox.blocked) schedule.gaps.delete(session);
    }
    for (const session of schedule.ending) this.#finish(session);
    releaseDelayed(this.#hub);
    for (const session of schedule.halfClosed) this.#leave(session);
    if (schedule.replaysWaiting.size > 0) this.#hub.wake();
    for (const session of schedule.replaysWaiting) schedule.replaying.add(session);
    schedule.replaysWaiting.clear();
    for (const room of schedule.rosters) {
      if (!sendDueRosters(this.#hub, room)) schedule.rosters.delete(room);
    }
    if (nowMs - this.#sweptMs >= sweepMs) this.#sweep();
  }

  /** The answers of this turn have been delivered. */
  #endUnnamed(session: Session): void {
    const { pipeline, schedule } = this.#hub;
    schedule.endingUnnamed.delete(session);
    if (!pipeline.concerns(session)) return void schedule.ending.add(session);
    // A program that has said something learns whether it is stored.
    pipeline.gathering.ending.add(session);
    this.#hub.wake();
  }

  /** Closes the connection if everything has been sent. */
  #finish(session: Session): void {
    const { output, liveness, link } = session;
    const { schedule, nowMs } = this.#hub;
    liveness.ending(nowMs);
    if (output.pump(nowMs)) schedule.gaps.add(session);
    if (output.outbox.blocked || output.waitsForGap) return;
    schedule.ending.delete(session);
    link.end();
  }

  /** Closes the connection once late answers (a list of files) have had their time. */
  #leave(session: Session): void {
    const { queue, liveness } = session;
    if (queue.isBlocked || queue.length > 0) return;
    if (this.#hub.nowMs - liveness.inputEndedMs < limits.afterFinMs) return;
    this.#hub.schedule.halfClosed.delete(session);
    endSession(this.#hub, session);
  }

  #sweep(): void {
    const hub = this.#hub;
    const { metrics } = hub.options;
    this.#freshen(hub.nowMs - this.#sweptMs);
    this.#sweptMs = hub.nowMs;
    this.#tellOfSilentStore();
    expireOffers(hub);
    expireCodes(hub);
    // Retries the records of a failed batch, even if nothing else happens.
    if (!hub.pipeline.isSettled) hub.wake();
    retryRights(hub);
    metrics.lagBytes = 0;
    metrics.lagMaxBytes = 0;
    for (const session of hub.sessions) {
      const lag = session.output.lagBytes;
      metrics.lagBytes += lag;
      metrics.lagMaxBytes = Math.max(metrics.lagMaxBytes, lag);
      this.#sweepSession(session);
    }
  }

  /**
   * Once for each batch that waits for long, since the messages after it wait as well. Sweeps are
   * counted, because a process that was suspended has not waited for the store.
   */
  #tellOfSilentStore(): void {
    const hub = this.#hub;
    const batch = hub.pipeline.inFlight;
    const sweeps = batch === this.#awaited.batch ? this.#awaited.sweeps + 1 : 0;
    this.#awaited = { batch, sweeps };
    if (batch === undefined || sweeps !== sender.silentStoreSeconds) return;
    const message =
      "The server can't store anything at the moment: what you write waits until it can";
    for (const member of hub.names.members()) {
      // It is over when those who are waiting for their welcome get it.
      if (!member.awaitsWelcome) hub.send(member, { type: "error", code: "storage", message });
    }
  }

  /**
   * Rewrites aging records, so that idle members do not appear to have left long ago. Each sweep
   * writes up to twice the average rate, which spreads out members that arrived together.
   */
  #freshen(sinceMs: number): void {
    const { names, nowMs } = this.#hub;
    let left = Math.ceil((2 * names.size * sinceMs) / history.recordFreshMs);
    for (const session of names.members()) {
      if (nowMs - session.liveness.recordedMs < history.recordFreshMs) continue;
      if (session.identity.recordId === "") continue;
      if (left-- <= 0) return;
      this.#hub.queueRecord(session);
    }
  }

  /** Handles login timeouts, unanswered pings and stalled output. */
  #sweepSession(session: Session): void {
    const hub = this.#hub;
    const { nowMs } = hub;
    if (hasLostToken(hub, session)) {
      expel(hub, session, "kicked", "The access token is no longer valid");
    }
    const { phase, liveness, link } = session;
    if (phase === "member" && session.output.lagBytes === 0) {
      session.mailbox.notice(liveness.heardMs, nowMs);
    }
    if (phase === "ending") {
      if (liveness.endingSinceMs > 0 && nowMs - liveness.endingSinceMs > limits.drainMs)
        link.abort();
    } else if (liveness.stalledMs(session.output.outbox, nowMs) > output.stallMs) {
      dropSlow(hub, session);
    } else if (phase === "new") {
      // Counted from the connection on: invalid input gains no time.
      const isEarly = nowMs - session.openedMs <= limits.loginTimeoutMs;
      if (session.conversation.settled === true || isEarly) return;
      const reason = `You did not log in within ${limits.loginTimeoutMs / 1000} s: connect again`;
      hub.send(session, { type: "bye", reason });
      endSession(hub, session, "no-login");
    } else if (liveness.pingedMs > 0) {
      if (nowMs - liveness.pingedMs > limits.idleCloseMs) link.abort();
    } else if (nowMs - liveness.heardMs > limits.idlePingMs) {
      if (session.conversation.render({ type: "ping" }) === undefined) return;
      liveness.pinged(nowMs);
      hub.send(session, { type: "ping" });
    }
  }
}

/**
 * Whether the session depends on an access token that has expired or was revoked on another server.
 */
function hasLostToken({ rights, stampMs }: HubState, { proven }: Session): boolean {
  if (proven.isBearer !== true) return false;
  return rights.tokens.find(proven.token ?? "", stampMs) === undefined;
}
