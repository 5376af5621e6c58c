// The state of a session's connection (connecting, greeting, online, waiting to reconnect, ended)
// and its deadlines. Time and randomness are parameters. Knows no messages.

import { client as limits } from "../limits.ts";
import { backoffMs } from "./backoff.ts";

export type ConnectionPhase = "idle" | "connecting" | "greeting" | "online" | "waiting" | "ended";

export class ConnectionState {
  readonly #random: () => number;
  #phase: ConnectionPhase = "idle";
  #everOnline = false;
  #attempts = 0;
  /** Connections that were given up, which a slow server may let in yet, and when the last was. */
  #givenUp = 0;
  #givenUpMs = -Infinity;
  #wasReplaced = false;
  #awaySinceMs: number | undefined;
  /** When `greeting` gives up or `waiting` retries. */
  #deadlineMs: number | undefined;

  /** `isResumed`: there was an earlier life of the session, and so perhaps a connection of it. */
  constructor(random: () => number, isResumed: boolean) {
    this.#random = random;
    this.#givenUp = isResumed ? 1 : 0;
  }

  get phase(): ConnectionPhase {
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
    if (this.#attempts === 0 && !this.#everOnline) this.#givenUpMs = nowMs;
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
    if (!this.#wasReplaced) {
      this.#givenUp = Math.min(this.#givenUp + 1, limits.maxGivenUp);
      this.#givenUpMs = nowMs;
    }
    this.#wasReplaced = false;
    const retryMs = backoffMs(attempt, this.#random);
    this.#deadlineMs = nowMs + retryMs;
    return { attempt, retryMs };
  }

  /**
   * Whether it may be one of its own earlier connections that has taken the session over: it
   * connects again then. Each of them counts once.
   */
  mayReplaceItself(nowMs: number): boolean {
    if (this.#givenUp === 0 || nowMs - this.#givenUpMs > limits.givenUpMs) return false;
    this.#givenUp--;
    this.#wasReplaced = true;
    return true;
  }

  end(): void {
    this.#phase = "ended";
  }
}
