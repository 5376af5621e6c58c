// The clock by which uploads age. It advances while servers of the folder run, and its reading is
// kept beside the rows, so that setting the system clock, however far, deletes nothing.

import { renameSync, rmSync, writeFileSync } from "node:fs";
import { steadyMs } from "../../../io/clock.ts";
import { retentionClock } from "../../../store/retention-clock.ts";
import { readStart } from "./row-files.ts";

/** A clock in Unix milliseconds that starts at `startMs`. */
export type StartClock = (startMs: number) => () => number;

const usual: StartClock = (startMs) => retentionClock(startMs, steadyMs, Date.now);

export class UploadClock {
  readonly #path: string;
  readonly #newestMs: () => number | undefined;
  readonly #start: StartClock;
  #clock: (() => number) | undefined;

  /**
   * `path`: the file with its reading. `newestMs`: the newest row, where a clock whose reading is
   * lost continues.
   */
  constructor(path: string, newestMs: () => number | undefined, start: StartClock = usual) {
    this.#path = path;
    this.#newestMs = newestMs;
    this.#start = start;
  }

  get nowMs(): number {
    this.#clock ??= this.#start(this.#newestMs() ?? Date.now());
    return this.#clock();
  }

  /** Continues from the reading of an earlier process or another server, if that is ahead. */
  async sync(): Promise<void> {
    const keptMs = await this.#read();
    if (keptMs === undefined) return;
    if (this.#clock === undefined || keptMs > this.#clock()) this.#clock = this.#start(keptMs);
  }

  /** Throws the file system's errors. */
  save(): void {
    const beside = `${this.#path}.new`;
    rmSync(beside, { force: true });
    // Fails if another server is doing the same, and never follows a link.
    writeFileSync(beside, String(this.nowMs), { mode: 0o600, flag: "wx" });
    renameSync(beside, this.#path);
  }

  async #read(): Promise<number | undefined> {
    const text = await readStart(this.#path, 32);
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }
}
