// The output queue of a TCP socket: sends in order, counts unsent bytes, keeps the rest of a
// partial write. Knows no protocol; its owner bounds it by `waitingBytes`.

/**
 * What the queue needs from a socket. `write` returns the number of bytes accepted, negative once
 * the socket is closed.
 */
export interface WritableSocket {
  write(bytes: Buffer): number;
}

const blockBytes = 64 * 1024;

export class WriteQueue {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Small texts that wait share blocks; on its own, each would take several times its size. */
  #block: { bytes: Buffer; end: number } | undefined;

  /** Bytes that the socket has not accepted yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Queues a text; call `flush` to send it. */
  push(text: string): void {
    // A Buffer, since `write` returns a count of UTF-8 bytes, by which a string can't be sliced.
    const bytes = Buffer.from(text);
    this.#waitingBytes += bytes.length;
    if (this.#waiting.length > 0 && bytes.length < blockBytes) return this.#append(bytes);
    this.#waiting.push(bytes);
    this.#block = undefined;
  }

  /** Extends the last waiting piece if that is the end of a block. */
  #append(bytes: Buffer): void {
    if (this.#block === undefined || this.#block.end + bytes.length > blockBytes) {
      this.#block = { bytes: Buffer.allocUnsafeSlow(blockBytes), end: 0 };
      this.#waiting.push(this.#block.bytes.subarray(0, 0));
    }
    const block = this.#block;
    bytes.copy(block.bytes, block.end);
    block.end += bytes.length;
    const start = this.#waiting.pop()?.byteOffset;
    this.#waiting.push(block.bytes.subarray(start, block.end));
  }

  /**
   * Writes what the socket accepts: `empty` if that was everything, `closed` if the socket is
   * closed.
   */
  flush(socket: WritableSocket): "empty" | "waiting" | "closed" {
    let sent = 0;
    for (const bytes of this.#waiting) {
      const written = socket.write(bytes);
      if (written < 0) return "closed";
      this.#waitingBytes -= written;
      if (written < bytes.length) {
        this.#waiting.splice(0, sent + 1, bytes.subarray(written));
        return "waiting";
      }
      sent++;
    }
    this.clear();
    return "empty";
  }

  clear(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#block = undefined;
  }
}
