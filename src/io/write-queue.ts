// The output queue of a TCP socket: sends in order, counts unsent bytes, keeps the rest of a
// partial write. Knows no protocol; its owner bounds it by `waitingBytes`.

/**
 * What the queue needs from a socket. `write` returns the number of bytes accepted, negative once
 * the socket is closed.
 */
export interface WritableSocket {
  write(bytes: Buffer): number;
}

export class WriteQueue {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  /** Bytes that the socket has not accepted yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Queues a text; call `flush` to send it. */
  push(text: string): void {
    // A Buffer, since `write` returns a count of UTF-8 bytes, by which a string can't be sliced.
    const bytes = Buffer.from(text);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
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
    this.#waiting = [];
    return "empty";
  }

  clear(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
