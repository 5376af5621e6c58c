// The state of a session's connection (connecting, greeting, online, waiting to reconnect, ended)
// and its deadlines. Time and randomness are parameters. Knows no messages.

import { client as limits } from "../limits.ts";
import { backoffMs } from "./backoff.ts";

export type Phase = "idle" | "connecting" | "greeting" | "online" | "waiting" | "ended";

export class ConnectionState {
  readonly #random: () => number;
  #phase: Phase = "idle";
  #everOnline = false;
  #attempts = 0;
  #awaySinceMs: number | undefined;
  /** When `greeting` gives up or `waiting` retries. */
  #deadlineMs: number | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get everOnline(): boolean {
    return this.#everOnline;
  }

  /** An earlier connection was lost, before or after login, and this one replaces it. */
  get isRetrying(): boolean {
    return this.#everOnline || this.#attempts > 0;
  }

  /** A connection is open or being opened. */
  get isOpen(): boolean {
    return this.#phase === "connecting" || this.#phase === "greeting" || this.#phase === "online";
  }

  /** When the phase times out; undefined: never. */
  get deadlineMs(): number | undefined {
    return this.#phase === "greeting" || this.#phase === "waiting" ? this.#deadlineMs : undefined;
  }

  /** A connection is being opened. */
  connect(nowMs: number): void {
    this.#phase = "connecting";
    this.#awaySinceMs ??= nowMs;
  }

  /** The connection is open; the welcome must arrive in time. */
  greet(nowMs: number): void {
    this.#phase = "greeting";
    this.#deadlineMs = nowMs + limits.welcomeTimeoutMs;
  }

  /** Logged in. `returned`: not for the first time. `afterMs`: time spent without a connection. */
  welcome(nowMs: number): { returned: boolean; afterMs: number } {
    const returned = this.#everOnline;
    const afterMs = nowMs - (this.#awaySinceMs ?? nowMs);
    this.#phase = "online";
    this.#everOnline = true;
    this.#attempts = 0;
    this.#awaySinceMs = undefined;
    return { returned, afterMs };
  }

  /** The connection was lost or failed; attempt number `attempt` follows in `retryMs`. */
  lose(nowMs: number): { attempt: number; retryMs: number } {
    this.#phase = "waiting";
    this.#awaySinceMs ??= nowMs;
    const attempt = ++this.#attempts;
    const retryMs = backoffMs(attempt, this.#random);
    this.#deadlineMs = nowMs + retryMs;
    return { attempt, retryMs };
  }

  end(): void {
    this.#phase = "ended";
  }
}
