// Reports the progress of a folder download, a few times a second.

import { fetching as limits } from "../limits.ts";
import { SmoothRate } from "../smooth-rate.ts";
import type { FetchEvent } from "./fetch-events.ts";

export class FolderProgress {
  readonly #name: string;
  readonly #size: number;
  readonly #onEvent: (event: FetchEvent) => void;
  #reportedMs = performance.now();
  readonly #rate = new SmoothRate();

  /** `size`: total number of bytes to receive. */
  constructor(name: string, size: number, onEvent: (event: FetchEvent) => void) {
    this.#name = name;
    this.#size = size;
    this.#onEvent = onEvent;
    this.#rate.at(0, this.#reportedMs);
  }

  /** Reports if it is time to. `bytes`: bytes received. */
  update(bytes: number): void {
    const nowMs = performance.now();
    if (nowMs - this.#reportedMs < limits.progressMs) return;
    this.#reportedMs = nowMs;
    this.#onEvent({
      event: "progress",
      name: this.#name,
      size: this.#size,
      receivedBytes: bytes,
      verifiedBytes: bytes,
      bytesPerSecond: this.#rate.at(bytes, nowMs),
      secondsLeft: this.#rate.secondsFor(this.#size - bytes),
      rttMs: 0,
      segmentBytes: 0,
    });
  }
}
