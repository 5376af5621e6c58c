// What waits to be written to a TCP socket: sends in order, counts what has not left, keeps the
// rest of a partial write. Knows no protocol; its owner bounds it by `waitingBytes`.

/**
 * What a queue needs of a socket; Bun's have it. Writes what it can, returns the bytes taken, below
 * 0 once it is closed.
 */
export interface WritableSocket {
  write(bytes: Buffer): number;
}

export class WriteQueue {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  /** Bytes that the socket has not taken yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Queues a text; call `flush` to send it. */
  push(text: string): void {
    // A Buffer, as Bun's `write` counts the bytes of UTF-8 and a text can't be cut by those.
    const bytes = Buffer.from(text);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  /** Writes what the socket takes: `empty` once everything has left, `closed` if the socket is. */
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
