// Frames waiting for one end of a channel, in order.

import { offerBook as limits } from "../../limits.ts";

export class FrameQueue {
  #frames: string[] = [];
  #head = 0;
  #chars = 0;

  /** UTF-16 code units waiting (`frameChars`). */
  get chars(): number {
    return this.#chars;
  }

  push(frame: string): void {
    this.#frames.push(frame);
    this.#chars += frameChars(frame);
  }

  shift(): string | undefined {
    const frame = this.#frames[this.#head];
    if (frame === undefined) return undefined;
    this.#frames[this.#head++] = "";
    this.#chars -= frameChars(frame);
    if (this.#head === this.#frames.length) this.clear();
    else if (this.#head > 1_024) {
      this.#frames.splice(0, this.#head);
      this.#head = 0;
    }
    return frame;
  }

  clear(): void {
    this.#frames = [];
    this.#head = 0;
    this.#chars = 0;
  }
}

/** What a waiting frame counts: even an empty one waits, and takes memory. */
export function frameChars({ length }: string): number {
  return length + limits.waitingFrameChars;
}
