// A bounded queue in front of an output stream, so that a reader that does not read never blocks
// the event loop. Log lines are then dropped and counted; data never is: its producer checks
// `pressure` and waits for `relief`. Knows no particular stream.

import { systemCode } from "../../errors.ts";
import { terminal as limits } from "../../limits.ts";
import { countText } from "./units.ts";

/** What a writer needs from a stream; `process.stdout` and `process.stderr` qualify. */
export interface Sink {
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown;
}

/** At most one write is in flight. */
export class Writer {
  readonly #open: () => Sink;
  readonly #encoder = new TextEncoder();
  #sink: Sink | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writingBytes = 0;
  #holdsData = false;
  #dropped = 0;
  #closed = false;
  #relief: (() => void)[] = [];
  #idle: (() => void)[] = [];
  #onClosed: (() => void) | undefined;
  #failure: Error | undefined;

  /** `open` is called at the first write, so that a command that prints nothing opens nothing. */
  constructor(open: () => Sink) {
    this.#open = open;
  }

  /** Writes a log line, given without newline. Drops it if `maxLogBytes` are queued already. */
  line(text: string): void {
    if (this.#closed) return;
    const bytes = this.#encoder.encode(`${this.#dropNotice()}${text}\n`);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > limits.maxLogBytes) {
      this.#dropped++;
      return;
    }
    this.#dropped = 0;
    this.#push(bytes);
  }

  /**
   * Writes data, however much is queued already. False: wait for `relief()` before writing more.
   */
  data(content: string | Uint8Array): boolean {
    if (this.#closed) return true;
    const bytes = typeof content === "string" ? this.#encoder.encode(content) : content;
    if (bytes.length > 0) {
      this.#holdsData = true;
      this.#push(bytes);
    }
    return !this.pressure;
  }

  /** Too much is queued: producers of data must wait for `relief`. */
  get pressure(): boolean {
    return !this.#closed && this.#waitingBytes + this.#writingBytes > limits.maxDataBytes;
  }

  /** Nothing is queued or being written. */
  get isIdle(): boolean {
    return this.#writingBytes === 0;
  }

  /**
   * The reader closed the pipe (EPIPE) or the stream broke: everything is discarded from now on.
   */
  get closed(): boolean {
    return this.#closed;
  }

  /** Why writing failed, such as a full disk; undefined if the reader simply closed the pipe. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Log lines dropped since the last one written. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Resolves once there is room for data again, or the stream is closed. */
  relief(): Promise<void> {
    if (!this.pressure) return Promise.resolve();
    return new Promise((resolve) => this.#relief.push(resolve));
  }

  /** `handler` is called once, when the stream is closed. */
  onClosed(handler: () => void): void {
    this.#onClosed = handler;
  }

  /** Resolves once everything is written or the stream is closed, however long that takes. */
  emptied(): Promise<void> {
    if (this.#writingBytes === 0 || this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Resolves once everything is written, or after `timeoutMs`. */
  async flush(timeoutMs: number = limits.flushTimeoutMs): Promise<void> {
    const notice = this.#dropNotice();
    if (notice !== "" && !this.#closed) {
      this.#dropped = 0;
      this.#push(this.#encoder.encode(notice));
    }
    if (this.#writingBytes === 0 || this.#closed) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      new Promise<void>((resolve) => this.#idle.push(resolve)),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      }),
    ]);
    clearTimeout(timer);
  }

  /** As `flush`, but data waits for its reader, however long that takes. */
  async finish(timeoutMs?: number): Promise<void> {
    if (this.#holdsData) await this.emptied();
    await this.flush(timeoutMs);
  }

  #dropNotice(): string {
    return this.#dropped === 0
      ? ""
      : `… ${countText(this.#dropped, "line")} dropped: the reader was too slow\n`;
  }

  #push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#writingBytes === 0) this.#writeNext();
  }

  // One write at a time, since the stream's own queue is unbounded and calls back only once it is
  // empty.
  #writeNext(): void {
    const bytes = this.#take();
    if (bytes === undefined) return;
    this.#writingBytes = bytes.length;
    this.#sink ??= this.#open();
    this.#sink.write(bytes, (error) => this.#written(error));
  }

  #take(): Uint8Array | undefined {
    let size = 0;
    let count = 0;
    for (const piece of this.#waiting) {
      if (count > 0 && size + piece.length > limits.writeBytes) break;
      size += piece.length;
      count++;
    }
    if (count === 0) return undefined;
    this.#waitingBytes -= size;
    const pieces = this.#waiting.splice(0, count);
    return count === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  #written(error?: Error | null): void {
    this.#writingBytes = 0;
    if (error) return this.close(error);
    this.#writeNext();
    if (!this.pressure) for (const resume of this.#relief.splice(0)) resume();
    if (this.#writingBytes > 0) return;
    this.#holdsData = false;
    for (const resume of this.#idle.splice(0)) resume();
  }

  /** Discards the queue and everything written later. */
  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    if (systemCode(error) !== "EPIPE") this.#failure = error;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const resume of [...this.#relief.splice(0), ...this.#idle.splice(0)]) resume();
    this.#onClosed?.();
  }
}
