// How many file descriptors this process has open and how many it may have, so that what takes them stops before there are
// none. Linux only; elsewhere there are always enough.

import { closeSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { descriptors as limits } from "../limits.ts";

export class Descriptors {
  /** How many there may be; Infinity where that can't be known. Bun has raised the soft limit to the hard one. */
  readonly limit: number;
  /** So many are not for chat connections … */
  readonly reserve: number;
  /** … and twice as many not for the web port, so that a flood there leaves room for chat. */
  readonly webReserve: number;
  /** Frees some that matter less, if there are any. */
  relieve: () => void = () => {};
  #used = 0;
  #takenSince = 0;
  #countAgainMs = Number.NEGATIVE_INFINITY;
  /** Given up for a moment when counting needs one and there is none. */
  #spare: number | undefined;

  constructor(limit: number = systemLimit()) {
    this.limit = limit;
    const share = Math.floor(limit / limits.reserveOneIn);
    this.reserve = Math.min(Math.max(share, limits.minReserve), limits.maxReserve);
    this.webReserve = 2 * this.reserve;
    if (limit !== Number.POSITIVE_INFINITY) this.#spare = openSync("/dev/null", "r");
  }

  /** Descriptors that may still be taken; about, between two counts. */
  get free(): number {
    if (this.limit === Number.POSITIVE_INFINITY) return this.limit;
    if (performance.now() >= this.#countAgainMs) this.count();
    return this.limit - this.#used - this.#takenSince;
  }

  /** No chat connection is to come any more; asks for relief first. */
  get areScarce(): boolean {
    if (this.free < this.reserve) this.relieve();
    return this.free < this.reserve;
  }

  /** One that is open now is closed before long. */
  willFree(): void {
    this.#takenSince--;
  }

  /** A connection has come since the last count. */
  took(): void {
    this.#takenSince++;
  }

  /** Counts now; how many are open. */
  count(): number {
    if (this.limit === Number.POSITIVE_INFINITY) return 0;
    const startMs = performance.now();
    this.#used = counted() ?? this.list().length;
    this.#takenSince = 0;
    const nowMs = performance.now();
    const pauseMs = Math.max(limits.countMs, (nowMs - startMs) * limits.countOneIn);
    this.#countAgainMs = nowMs + pauseMs;
    return this.#used;
  }

  /** Those that are open. Needs one itself. */
  list(): number[] {
    if (this.limit === Number.POSITIVE_INFINITY) return [];
    try {
      return listed();
    } catch {
      if (this.#spare === undefined) return [];
    }
    closeSync(this.#spare);
    try {
      return listed();
    } finally {
      this.#spare = openSync("/dev/null", "r");
    }
  }

  close(): void {
    if (this.#spare !== undefined) closeSync(this.#spare);
    this.#spare = undefined;
  }
}

/** Linux says it in the size of the folder since 6.2 (proc(5)), which costs nothing; undefined where it doesn't. */
function counted(): number | undefined {
  try {
    const { size } = statSync("/proc/self/fd");
    return size > 0 ? size : undefined;
  } catch {
    return undefined;
  }
}

function listed(): number[] {
  return readdirSync("/proc/self/fd").map(Number);
}

function systemLimit(): number {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    readdirSync("/proc/self/fd");
    const soft = Number(line?.[1] ?? Number.POSITIVE_INFINITY);
    return Math.min(soft, limits.max);
  } catch {
    // no Linux, or no /proc
    return Number.POSITIVE_INFINITY;
  }
}
