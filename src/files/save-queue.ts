// Small files that have arrived and are being saved. One chunk may contain thousands of them, so
// they are saved in slices, with other work in between.

import { fetching as limits } from "../limits.ts";

export interface SaveQueueOptions<File> {
  /** Saves a file. May throw. */
  save(file: File, bytes: Uint8Array): void;
  /** Called before each slice. May throw, as saving may: then nothing more is saved. */
  beforeSlice(): void;
  /** Called after each slice. May throw. */
  onSlice(): void;
  /** Saving has failed: nothing more is saved. */
  onFailure(error: unknown): void;
}

export class SaveQueue<File> {
  readonly #options: SaveQueueOptions<File>;
  readonly #waiting = new Map<File, Uint8Array>();
  #bytes = 0;
  #untilMs = 0;
  #failure: { error: unknown } | undefined;
  #settled: PromiseWithResolvers<void> | undefined;
  #isScheduled = false;

  constructor(options: SaveQueueOptions<File>) {
    this.#options = options;
  }

  /** Bytes of the files that are not saved yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Files may be saved immediately from now on, for the length of a slice. */
  startSlice(): void {
    this.#untilMs = performance.now() + limits.workSliceMs;
  }

  /** Saves a file, now or later. The bytes are only read during the call. @throws what failed */
  add(file: File, bytes: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#waiting.size === 0) {
      if (performance.now() < this.#untilMs) return this.#options.save(file, bytes);
      this.#schedule();
    }
    // `slice` of a Buffer would not copy.
    this.#waiting.set(file, new Uint8Array(bytes));
    this.#bytes += bytes.length;
  }

  /** Resolves when everything is saved. @throws what failed */
  async settled(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#waiting.size === 0) return;
    this.#settled ??= Promise.withResolvers();
    await this.#settled.promise;
  }

  /** Forgets the files that are not saved yet, and returns them. */
  drop(): readonly File[] {
    const files = [...this.#waiting.keys()];
    this.#waiting.clear();
    this.#bytes = 0;
    return files;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#saveSlice();
    });
  }

  #saveSlice(): void {
    try {
      this.#options.beforeSlice();
      this.startSlice();
      for (const [file, bytes] of this.#waiting) {
        this.#options.save(file, bytes);
        this.#waiting.delete(file);
        this.#bytes -= bytes.length;
        if (performance.now() >= this.#untilMs) break;
      }
      this.#options.onSlice();
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#waiting.size > 0) return this.#schedule();
    this.#settled?.resolve();
    this.#settled = undefined;
  }

  #fail(error: unknown): void {
    this.#failure = { error };
    this.drop();
    this.#settled?.reject(error);
    this.#settled = undefined;
    this.#options.onFailure(error);
  }
}
