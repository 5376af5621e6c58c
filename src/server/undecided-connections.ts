// Connections of which nobody knows yet what they speak: looked at now and then, since the time may decide.

import { steadyMs } from "../io/clock.ts";

/** Looks whether what has come, or the time, decides. */
export interface Decidable {
  decide(nowMs: number): void;
}

/** How often undecided connections are looked at; under half of the shortest wait. */
const decideEveryMs = 10;

/** Connections that the time may decide. No timer runs while there are none. */
export class UndecidedConnections {
  readonly #connections = new Set<Decidable>();
  #timer: ReturnType<typeof setInterval> | undefined;

  add(connection: Decidable): void {
    this.#connections.add(connection);
    this.#timer ??= setInterval(this.#look, decideEveryMs);
  }

  delete(connection: Decidable): void {
    this.#connections.delete(connection);
  }

  clear(): void {
    this.#connections.clear();
    this.#stop();
  }

  readonly #look = (): void => {
    const nowMs = steadyMs();
    for (const connection of this.#connections) connection.decide(nowMs);
    if (this.#connections.size === 0) this.#stop();
  };

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
