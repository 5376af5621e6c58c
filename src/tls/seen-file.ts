// Which sealed messages a device has received, kept in a file beside its key: a line is appended
// for each, and now and then the file is written anew. Two clients with the same key receive the
// same messages; each uses the file's contents at startup plus what it has received itself.

import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from "node:fs";
import { errorMessage, systemCode } from "../errors.ts";
import { sealed as limits } from "../limits.ts";
import { type Freshness, SeenMessages } from "../trust/seen-messages.ts";
import { readIfThere } from "./read-if-there.ts";
import { replaceFile } from "./replace-file.ts";

export class SeenFile {
  readonly #path: string;
  readonly #seen: SeenMessages;
  readonly #warn: (problem: string) => void;
  #hasWarned = false;

  /** `warn` is called once if the file can't be written. */
  constructor(path: string, nowMs: number, warn: (problem: string) => void) {
    this.#path = path;
    this.#warn = warn;
    this.#seen = this.#read(nowMs);
  }

  check(key: string, id: string, timeMs: number): Freshness {
    return this.#seen.check(key, id, timeMs);
  }

  latestMs(key: string): number {
    return this.#seen.latestMs(key);
  }

  add(key: string, id: string, timeMs: number, nowMs: number): void {
    this.#seen.add(key, id, timeMs, nowMs);
    try {
      if (this.#append(this.#seen.lineOf(key, id, timeMs))) return;
      const kept = this.#load(nowMs);
      kept.add(key, id, timeMs, nowMs);
      replaceFile(this.#path, kept.toString());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** False: there is no file yet, or it is long enough to be written anew. */
  #append(line: string): boolean {
    // Opening a FIFO would wait for ever.
    const { O_WRONLY, O_APPEND, O_NONBLOCK } = constants;
    let fd: number;
    try {
      fd = openSync(this.#path, O_WRONLY | O_APPEND | O_NONBLOCK);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw error;
    }
    try {
      if (fstatSync(fd).size > limits.maxSeenBytes / 2) return false;
      // Begins with a line end, since the last line may have been cut off by a full disk.
      writeSync(fd, `\n${line}`);
      return true;
    } finally {
      closeSync(fd);
    }
  }

  /** @throws the file system's errors, and an error for a dangling link */
  #load(nowMs: number): SeenMessages {
    const size = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    const text = size <= limits.maxSeenBytes ? readIfThere(this.#path) : undefined;
    return SeenMessages.parse(text ?? "", nowMs);
  }

  #read(nowMs: number): SeenMessages {
    try {
      return this.#load(nowMs);
    } catch (error) {
      this.#fail(error);
      return new SeenMessages();
    }
  }

  #fail(error: unknown): void {
    if (!this.#hasWarned) this.#warn(errorMessage(error));
    this.#hasWarned = true;
  }
}
