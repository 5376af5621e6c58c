// Whether the server is alive: after a period without input it is pinged, and if it stays silent
// the connection is dropped. Pure.

import { client as limits } from "../limits.ts";

export class Liveness {
  #heardMs = 0;
  #pingedMs: number | undefined;
  /** How long the server may take to answer the ping. */
  #pongMs: number = limits.pongTimeoutMs;
  #paused = false;

  get paused(): boolean {
    return this.#paused;
  }

  /** Something arrived, or the connection was just opened. */
  handleInput(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#pingedMs = undefined;
  }

  /** The driver is not reading, so the absence of input means nothing. */
  setPaused(paused: boolean, nowMs: number): void {
    this.#paused = paused;
    this.handleInput(nowMs);
  }

  /** When `handleTimeout` is due. `waiting`: an acknowledgement is outstanding, so ping sooner. */
  nextTimeoutMs(waiting: boolean): number {
    if (this.#paused) return Infinity;
    if (this.#pingedMs !== undefined) return this.#pingedMs + this.#pongMs;
    return this.#heardMs + (waiting ? limits.pingWaitingAfterMs : limits.pingAfterMs);
  }

  /** Decides whether to ping or to drop the connection. */
  handleTimeout(nowMs: number, waiting: boolean): "alive" | "ping" | "dead" {
    if (nowMs < this.nextTimeoutMs(waiting)) return "alive";
    if (this.#pingedMs !== undefined) return "dead";
    this.#pingedMs = nowMs;
    this.#pongMs = limits.pongTimeoutMs;
    return "ping";
  }

  /**
   * There is reason to doubt that the connection still works. True: ping now; the connection is
   * dropped soon if there is no answer.
   */
  doubt(nowMs: number): boolean {
    if (this.#paused) return false;
    const isNew = this.#pingedMs === undefined;
    this.#pingedMs = Math.min(this.#pingedMs ?? nowMs, nowMs);
    this.#pongMs = Math.min(this.#pongMs, nowMs - this.#pingedMs + limits.doubtfulPongMs);
    return isNew;
  }
}
