// A link whose peer reads as much, and as often, as the test determines.

import type { Link } from "../../../src/chat/link.ts";

export class ModelLink implements Link {
  /** Bytes it accepts before it is full. */
  capacity = Infinity;
  /** It accepted less than it was given; the hub waits for a drain. */
  isFull = false;
  over: "" | "end" | "abort" = "";
  #chunks: Uint8Array[] = [];

  write(bytes: Uint8Array): number {
    if (this.over !== "") throw new Error("written to after the end");
    const taken = Math.min(bytes.length, this.capacity);
    this.capacity -= taken;
    if (taken > 0) this.#chunks.push(bytes.slice(0, taken));
    if (taken < bytes.length) this.isFull = true;
    return taken;
  }

  end(): void {
    if (this.isFull) throw new Error("ended before everything has left");
    this.over = "end";
  }

  abort(): void {
    this.over = "abort";
  }

  /** What arrived since the last call; an incomplete character waits for the rest. */
  readonly #decoder = new TextDecoder();
  read(): string {
    if (this.#chunks.length === 0) return "";
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    return this.#decoder.decode(bytes, { stream: true });
  }
}
