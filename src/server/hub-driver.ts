// Drives the hub: passes input on with the current time, carries out its store requests, ends its
// turns, and runs its timers. A turn covers everything that arrived in one iteration of the event
// loop.

import type { Actor } from "../chat/admin/actor.ts";
import type { AdminAnswer } from "../chat/admin/answer.ts";
import type { Dialect, Peer } from "../chat/dialect.ts";
import type { LeaveReason } from "../chat/events.ts";
import type { ForeignEvent } from "../chat/elsewhere/foreign-events.ts";
import type { Hub } from "../chat/hub.ts";
import type { Link } from "../chat/link.ts";
import type { Session } from "../chat/session.ts";
import type { StoreAnswerer, StoreReply } from "../chat/turn/store.ts";
import { TokenBucket } from "../chat/rates/token-bucket.ts";
import { output as limits } from "../limits.ts";
import { steadyMs } from "../io/clock.ts";

/**
 * A turn that takes longer than this, in milliseconds, is followed by a rest `restShare` times as
 * long.
 */
const longTurnMs = 5;
const restShare = 2;

export class HubDriver {
  readonly #store: StoreAnswerer;
  readonly #turns = new TokenBucket(limits.flushesPerSecond, limits.flushBurst, performance.now());
  #hub: Hub | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;
  #isPumping = false;
  /** Until then, turns that may wait keep accumulating. */
  #busyUntilMs = 0;
  #isTurnDue = false;

  constructor(store: StoreAnswerer) {
    this.#store = store;
  }

  /**
   * The hub's `wake`: the turn ends after all available input has been read. Turns in quick
   * succession are merged, because writing many messages costs little more than writing one.
   */
  readonly wake = (): void => {
    if (this.#turns.take(1, performance.now())) setImmediate(this.#endTurn);
    else setTimeout(this.#endTurn, 1);
  };

  start(hub: Hub): void {
    this.#hub = hub;
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#hub = undefined;
  }

  /** Whether anybody can be connected: not before `start`, nor after `stop`. */
  get isRunning(): boolean {
    return this.#hub !== undefined;
  }

  handleConnect(link: Link, dialect: Dialect, peer: Peer): Session {
    const hub = this.#hub;
    if (hub === undefined) throw new Error("The hub is not running");
    return hub.handleConnect(link, dialect, peer, steadyMs());
  }

  /** `nowMs` is read once for everything that arrived together. */
  handleMessage(session: Session, message: string, nowMs: number): void {
    const hub = this.#hub;
    if (hub === undefined) return;
    hub.handleMessage(session, message, nowMs);
    if (hub.hasRequest) this.#pump();
  }

  /** A command typed at the server's terminal. */
  handleAdmin(actor: Actor, line: string, answer: (answer: AdminAnswer) => void): void {
    const hub = this.#hub;
    if (hub === undefined) return;
    hub.handleAdmin(actor, line, steadyMs(), answer);
    this.#pump();
    this.#schedule();
  }

  /** Another server has done something. */
  handleForeign(event: ForeignEvent): void {
    this.#hub?.handleForeign(event, steadyMs());
    this.#pump();
    this.#schedule();
  }

  handleEmptyInput(session: Session): boolean {
    return this.#hub?.handleEmptyInput(session, steadyMs()) ?? true;
  }

  handleOverflow(session: Session): void {
    this.#hub?.handleOverflow(session, steadyMs());
  }

  handleDrain(session: Session): void {
    this.#hub?.handleDrain(session, steadyMs());
  }

  handleInputEnd(session: Session): void {
    this.#hub?.handleInputEnd(session, steadyMs());
  }

  handleLastInput(session: Session): boolean {
    return this.#hub?.handleLastInput(session, steadyMs()) ?? false;
  }

  handleClose(session: Session, reason: LeaveReason): void {
    this.#hub?.handleClose(session, reason, steadyMs());
  }

  /** Carries out the hub's store requests. Synchronous replies are handled before this returns. */
  #pump(): void {
    const hub = this.#hub;
    // A synchronous reply re-enters here; the loop below continues with its consequences.
    if (hub === undefined || this.#isPumping) return;
    this.#isPumping = true;
    try {
      const nowMs = steadyMs();
      for (;;) {
        const request = hub.pollStore(nowMs);
        if (request === undefined) return;
        this.#store(request, this.#reply);
      }
    } finally {
      this.#isPumping = false;
    }
  }

  readonly #reply = (reply: StoreReply): void => {
    this.#hub?.handleStore(reply, steadyMs());
    if (this.#isPumping) return;
    this.#pump();
    // The reply may have queued output, and no other turn may follow.
    this.#schedule();
  };

  readonly #endTurn = (): void => {
    const hub = this.#hub;
    if (hub === undefined) return;
    const startMs = steadyMs();
    const gathersOn = hub.endTurn(startMs, startMs < this.#busyUntilMs);
    this.#pump();
    hub.finishTurn(steadyMs());
    this.#pump();
    this.#schedule();
    if (gathersOn) this.#endTurnLater(this.#busyUntilMs - startMs);
    else this.#rest(startMs);
  };

  /**
   * After a long turn, such as one that announces new members to a full room, the loop is left to
   * other work for a multiple of the turn's duration. Members who join meanwhile are announced
   * together in the next turn, with a single write to each member; otherwise a crowd entering a
   * room would cost the square of its size.
   */
  #rest(startMs: number): void {
    const endMs = steadyMs();
    const tookMs = endMs - startMs;
    if (tookMs < longTurnMs) return;
    this.#busyUntilMs = endMs + Math.min(limits.maxRestMs, tookMs * restShare);
  }

  #endTurnLater(delayMs: number): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setTimeout(() => {
      this.#isTurnDue = false;
      this.#endTurn();
    }, delayMs);
  }

  readonly #handleTimeout = (): void => {
    this.#timer = undefined;
    this.#timerMs = Infinity;
    this.#hub?.handleTimeout(steadyMs());
    this.#pump();
    this.#schedule();
  };

  #schedule(): void {
    if (this.#hub === undefined) return;
    const dueMs = this.#hub.nextTimeoutMs;
    if (dueMs >= this.#timerMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = dueMs;
    this.#timer = setTimeout(this.#handleTimeout, Math.max(1, dueMs - steadyMs()));
  }
}

/** What a connection needs from the hub. */
export type ConnectionDriver = Pick<
  HubDriver,
  | "isRunning"
  | "handleConnect"
  | "handleMessage"
  | "handleOverflow"
  | "handleDrain"
  | "handleInputEnd"
  | "handleLastInput"
  | "handleClose"
>;
