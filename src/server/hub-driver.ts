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
import { unixMs } from "../io/clock.ts";

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

  connect(hub: Hub, link: Link, dialect: Dialect, peer: Peer): Session {
    return hub.handleConnect(link, dialect, peer, unixMs());
  }

  message(hub: Hub, session: Session, message: string, nowMs: number): void {
    hub.handleMessage(session, message, nowMs);
    this.#pump(hub, nowMs);
  }

  overflow(hub: Hub, session: Session, nowMs: number): void {
    hub.handleOverflow(session, nowMs);
  }

  drain(hub: Hub, session: Session, nowMs: number): void {
    hub.handleDrain(session, nowMs);
  }

  inputEnd(hub: Hub, session: Session, nowMs: number): void {
    hub.handleInputEnd(session, nowMs);
  }

  close(hub: Hub, session: Session, reason: LeaveReason, nowMs: number): void {
    hub.handleClose(session, reason, nowMs);
  }
}
