// Connections whose protocol is still unknown, checked periodically because silence may decide it.

import { steadyMs } from "../io/clock.ts";

/** Decides from the bytes received so far, or from the elapsed time. */
export interface Decidable {
  decide(nowMs: number): void;
}

/** Interval between checks; less than half of the shortest wait. */
const decideEveryMs = 10;

/**
 * Connections whose protocol may be decided by elapsed time. No timer runs while there are none.
 */
export class UndecidedConnections {
  readonly #connections = new Set<Decidable>();
  #timer: ReturnType<typeof setInterval> | undefined;

  add(connection: Decidable): void {
    this.#connections.add(connection);
    this.#timer ??= setInterval(this.#check, decideEveryMs);
  }

  delete(connection: Decidable): void {
    this.#connections.delete(connection);
  }

  clear(): void {
    this.#connections.clear();
    this.#stop();
  }

  readonly #check = (): void => {
    const nowMs = steadyMs();
    for (const connection of this.#connections) connection.decide(nowMs);
    if (this.#connections.size === 0) this.#stop();
  };

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
