// Writes to a pipe, a file or a socket as `process.stdout` does, but without Node's streams, which
// take as long to load as the rest of a small command.

import type { Sink } from "./writer.ts";

export class PipeOutput implements Sink {
  readonly #sink: Bun.FileSink;

  constructor(fd: number) {
    this.#sink = Bun.file(fd).writer();
  }

  write(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    try {
      const written = this.#sink.write(bytes);
      const flushed = this.#sink.flush();
      if (typeof written === "number" && typeof flushed === "number") return done();
      // Either of the two may be the one that fails.
      Promise.all([written, flushed]).then(() => done(), done);
    } catch (error) {
      done(error as Error);
    }
  }
}
