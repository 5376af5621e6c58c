// Bytes in, lines out: every byte is looked at once, however a line is cut into pieces. Bounded; knows no protocol.

/** Splits a stream at `\n`. A `\r` before it belongs to the line end. */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #decoder: TextDecoder;
  #pieces: Uint8Array[] = [];
  #heldBytes = 0;

  /** `fatal`: bytes that are no UTF-8 make `push` throw a TypeError; else they become U+FFFD. */
  constructor(maxBytes: number, fatal = false) {
    this.#maxBytes = maxBytes;
    this.#decoder = new TextDecoder("utf-8", { fatal, ignoreBOM: true });
  }

  /**
   * Calls `each` for every line that ends in `bytes`, until it answers false. False: a line is longer than the bound, or
   * `each` has had enough; what is held is of no use then.
   */
  push(bytes: Uint8Array, each: (line: string) => boolean): boolean {
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      if (this.#heldBytes + end - start > this.#maxBytes) return false;
      const line = this.#take(bytes.subarray(start, end));
      start = end + 1;
      if (!each(line)) return false;
    }
    if (start === bytes.length) return true;
    this.#heldBytes += bytes.length - start;
    if (this.#heldBytes > this.#maxBytes) return false;
    // A copy: the bytes given may be a buffer that is used again.
    this.#pieces.push(bytes.slice(start));
    return true;
  }

  /** The last line, if it has no line end. */
  rest(): string | undefined {
    return this.#heldBytes === 0 ? undefined : this.#take(new Uint8Array(0));
  }

  #take(tail: Uint8Array): string {
    const whole = this.#heldBytes === 0 ? tail : Buffer.concat([...this.#pieces, tail]);
    this.#pieces = [];
    this.#heldBytes = 0;
    return this.#decoder.decode(whole.at(-1) === 13 ? whole.subarray(0, -1) : whole);
  }
}
