// Drives the hub: hands it what comes with the time, carries out what it asks of its store, ends the turn of the event loop once for
// all that came in it, and calls it when something is due.

import type { Dialect, Peer } from "../chat/dialect.ts";
import type { LeaveReason } from "../chat/events.ts";
import type { Hub } from "../chat/hub.ts";
import type { Link } from "../chat/link.ts";
import type { Session } from "../chat/session.ts";
import type { StoreReply, StoreRequest } from "../chat/store.ts";
import { TokenBucket } from "../chat/token-bucket.ts";
import { output } from "../limits.ts";
import { steadyMs } from "../io/clock.ts";

/** Carries out one request and calls `reply` once, at once or later. Never throws. */
export type StoreAnswerer = (request: StoreRequest, reply: (reply: StoreReply) => void) => void;

export class HubDriver {
  readonly #store: StoreAnswerer;
  readonly #turns = new TokenBucket(output.flushesPerSecond, output.flushBurst, performance.now());
  #hub: Hub | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;
  #isPumping = false;

  constructor(store: StoreAnswerer) {
    this.#store = store;
  }

  /**
   * For the hub's `wake`: the turn ends after all input that is there has been read. When turns follow each other faster than
   * people can notice, several end together: one write of many messages costs little more than a write of one.
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

  handleConnect(link: Link, dialect: Dialect, peer: Peer): Session {
    const hub = this.#hub;
    if (hub === undefined) throw new Error("The hub does not run");
    return hub.handleConnect(link, dialect, peer, steadyMs());
  }

  /** `nowMs` is read once for all that has come together. */
  handleMessage(session: Session, message: string, nowMs: number): void {
    const hub = this.#hub;
    if (hub === undefined) return;
    hub.handleMessage(session, message, nowMs);
    if (hub.hasRequest) this.#pump();
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

  handleClose(session: Session, reason: LeaveReason): void {
    this.#hub?.handleClose(session, reason, steadyMs());
  }

  /** Has the store carry out what the hub has asked for. Replies that come at once are handled before it answers. */
  #pump(): void {
    const hub = this.#hub;
    // A reply that comes at once comes from inside this loop, which goes on with what it has led to.
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
    // What it has led to may have to leave soon, and no turn need follow.
    this.#schedule();
  };

  readonly #endTurn = (): void => {
    const hub = this.#hub;
    if (hub === undefined) return;
    hub.endTurn(steadyMs());
    this.#pump();
    hub.finishTurn(steadyMs());
    this.#pump();
    this.#schedule();
  };

  readonly #handleTimeout = (): void => {
    this.#timer = undefined;
    this.#timerMs = Infinity;
    this.#hub?.handleTimeout(steadyMs());
    this.#pump();
    this.#schedule();
  };

  #schedule(): void {
    if (this.#hub === undefined) return;
    const dueMs = this.#hub.nextTimeout;
    if (dueMs >= this.#timerMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = dueMs;
    this.#timer = setTimeout(this.#handleTimeout, Math.max(1, dueMs - steadyMs()));
  }
}

/** What a connection needs of the hub. */
export type ConnectionDriver = Pick<
  HubDriver,
  | "handleConnect"
  | "handleMessage"
  | "handleOverflow"
  | "handleDrain"
  | "handleInputEnd"
  | "handleClose"
>;
