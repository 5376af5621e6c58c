// Counts the process's open file descriptors against its limit, so that connections are refused
// before files can no longer be opened. Linux only; elsewhere the supply counts as unlimited.

import { closeSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { threadCpuMs } from "../io/clock.ts";
import { descriptors as limits } from "../limits.ts";

export class Descriptors {
  /** The soft limit, which Bun raises to the hard one at startup; Infinity if unknown. */
  readonly limit: number;
  /** Withheld from chat connections. */
  readonly reserve: number;
  /** Withheld from the web port: twice as many, so that a flood there leaves room for chat. */
  readonly webReserve: number;
  /** Closes less important connections, if any. */
  relieve: () => void = () => {};
  #used = 0;
  #takenSince = 0;
  #countAgainMs = Number.NEGATIVE_INFINITY;
  /** Closed temporarily when listing needs a descriptor and none is left. */
  #spare: number | undefined;
  #isClosed = false;

  constructor(limit: number = systemLimit()) {
    this.limit = limit;
    const share = Math.floor(limit / limits.reserveOneIn);
    this.reserve = Math.min(Math.max(share, limits.minReserve), limits.maxReserve);
    this.webReserve = 2 * this.reserve;
    if (limit !== Number.POSITIVE_INFINITY) this.#spare = openSpare();
  }

  /** Free descriptors; an estimate between counts. */
  get free(): number {
    if (this.limit === Number.POSITIVE_INFINITY) return this.limit;
    if (performance.now() >= this.#countAgainMs) this.count();
    return this.limit - this.#used - this.#takenSince;
  }

  /** Whether chat connections must be refused; tries `relieve` first. */
  get areScarce(): boolean {
    if (this.free < this.reserve) this.relieve();
    return this.free < this.reserve;
  }

  /** An open descriptor is about to be closed. */
  noteClosing(): void {
    this.#takenSince--;
  }

  /** A connection was accepted since the last count. */
  noteAccepted(): void {
    this.#takenSince++;
  }

  /** Counts the open descriptors. */
  count(): number {
    if (this.limit === Number.POSITIVE_INFINITY) return 0;
    const startCpuMs = threadCpuMs();
    // If they can't even be listed, there is none left.
    this.#used = counted() ?? (this.list().length || this.limit);
    this.#takenSince = 0;
    const tookMs = threadCpuMs() - startCpuMs;
    this.#countAgainMs = performance.now() + Math.max(limits.countMs, tookMs * limits.countOneIn);
    return this.#used;
  }

  /** The open descriptors; none if they can't be listed, which itself needs one. */
  list(): number[] {
    if (this.limit === Number.POSITIVE_INFINITY) return [];
    const found = listed();
    if (found === undefined && this.#spare !== undefined) return this.#listBySpare(this.#spare);
    if (!this.#isClosed) this.#spare ??= openSpare();
    return found ?? [];
  }

  #listBySpare(spare: number): number[] {
    closeSync(spare);
    const found = listed();
    // Another thread may have been faster: then there is one again after a later list.
    this.#spare = openSpare();
    return found ?? [];
  }

  close(): void {
    this.#isClosed = true;
    if (this.#spare !== undefined) closeSync(this.#spare);
    this.#spare = undefined;
  }
}

/**
 * Since Linux 6.2 the folder's size is the count (proc(5)), which makes it cheap; undefined on
 * older kernels.
 */
function counted(): number | undefined {
  try {
    const { size } = statSync("/proc/self/fd");
    return size > 0 ? size : undefined;
  } catch {
    return undefined;
  }
}

function listed(): number[] | undefined {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch {
    return undefined;
  }
}

function openSpare(): number | undefined {
  try {
    return openSync("/dev/null", "r");
  } catch {
    return undefined;
  }
}

function systemLimit(): number {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    readdirSync("/proc/self/fd");
    const soft = Number(line?.[1] ?? Number.POSITIVE_INFINITY);
    return Math.min(soft, limits.max);
  } catch {
    // Not Linux, or no /proc.
    return Number.POSITIVE_INFINITY;
  }
}
