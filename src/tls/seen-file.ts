// Which sealed messages a device has received, kept in a file beside its key. Two clients with the
// same key receive the same messages, so each one uses the file's contents at startup plus what it
// has received itself, and merges that into the current contents.

import { statSync } from "node:fs";
import { errorMessage } from "../errors.ts";
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
  constructor(path: string, warn: (problem: string) => void) {
    this.#path = path;
    this.#warn = warn;
    this.#seen = this.#read();
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
      const kept = this.#load();
      kept.add(key, id, timeMs, nowMs);
      replaceFile(this.#path, kept.toString());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @throws the file system's errors, and an error for a dangling link */
  #load(): SeenMessages {
    const size = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    const text = size <= limits.maxSeenBytes ? readIfThere(this.#path) : undefined;
    return SeenMessages.parse(text ?? "");
  }

  #read(): SeenMessages {
    try {
      return this.#load();
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
