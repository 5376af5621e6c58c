// Whether the server is still there: silence is answered with a ping, and more silence with giving
// up the connection. Pure.

import { client as limits } from "../limits.ts";

export class Liveness {
  #heardMs = 0;
  #pingedMs: number | undefined;
  #paused = false;

  get paused(): boolean {
    return this.#paused;
  }

  /** Something arrived, or the connection has just begun. */
  handleInput(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#pingedMs = undefined;
  }

  /** Nobody reads at the moment, so silence means nothing. */
  setPaused(paused: boolean, nowMs: number): void {
    this.#paused = paused;
    this.handleInput(nowMs);
  }

  /**
   * When `handleTimeout` has something to do. `waiting`: an acknowledgement is due, so doubts come
   * sooner.
   */
  nextTimeoutMs(waiting: boolean): number {
    if (this.#paused) return Infinity;
    if (this.#pingedMs !== undefined) return this.#pingedMs + limits.pongTimeoutMs;
    return this.#heardMs + (waiting ? limits.pingWaitingAfterMs : limits.pingAfterMs);
  }

  /** Says whether to send a ping now, or to give up. */
  handleTimeout(nowMs: number, waiting: boolean): "alive" | "ping" | "dead" {
    if (nowMs < this.nextTimeoutMs(waiting)) return "alive";
    if (this.#pingedMs !== undefined) return "dead";
    this.#pingedMs = nowMs;
    return "ping";
  }
}
