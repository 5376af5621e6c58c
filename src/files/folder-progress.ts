// Reports the progress of a folder download, a few times a second.

import { fetching as limits } from "../limits.ts";
import type { FetchEvent } from "./fetch-events.ts";

/** Period over which the rate is smoothed, so that the remaining time does not jump. */
const smoothingMs = 1_000;

export class FolderProgress {
  readonly #name: string;
  readonly #size: number;
  readonly #onEvent: (event: FetchEvent) => void;
  #reportedMs = performance.now();
  #reportedBytes = 0;
  #rate = 0;

  /** `size`: total number of bytes to receive. */
  constructor(name: string, size: number, onEvent: (event: FetchEvent) => void) {
    this.#name = name;
    this.#size = size;
    this.#onEvent = onEvent;
  }

  /** Reports if it is time to. `bytes`: bytes received. */
  update(bytes: number): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#reportedMs;
    if (elapsedMs < limits.progressMs) return;
    const now = ((bytes - this.#reportedBytes) / elapsedMs) * 1_000;
    const share = this.#rate === 0 ? 1 : Math.min(1, elapsedMs / smoothingMs);
    this.#rate += (now - this.#rate) * share;
    this.#reportedMs = nowMs;
    this.#reportedBytes = bytes;
    const left = this.#rate > 0 ? (this.#size - bytes) / this.#rate : undefined;
    this.#onEvent({
      event: "progress",
      name: this.#name,
      size: this.#size,
      receivedBytes: bytes,
      verifiedBytes: bytes,
      bytesPerSecond: Math.round(this.#rate),
      secondsLeft: left === undefined ? null : Math.round(left * 10) / 10,
      rttMs: 0,
      segmentBytes: 0,
    });
  }
}
