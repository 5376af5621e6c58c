// Which sealed messages a device has had, kept in a file beside its key. Two clients with the same
// key get the same messages, so each goes by what the file said when it started and by what it has
// had itself, and adds that to what the file says meanwhile.

import { existsSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { sealed as limits } from "../limits.ts";
import { secretText } from "../secrets.ts";
import { type Freshness, SeenMessages } from "../trust/seen-messages.ts";
import { readIfThere } from "./read-if-there.ts";

export class SeenFile {
  readonly #path: string;
  readonly #seen: SeenMessages;
  readonly #warn: (problem: string) => void;
  #hasWarned = false;

  /** `warn` is told once if the file can't be kept. */
  constructor(path: string, warn: (problem: string) => void) {
    this.#path = path;
    this.#warn = warn;
    this.#seen = this.#read();
  }

  check(key: string, id: string, timeMs: number): Freshness {
    return this.#seen.check(key, id, timeMs);
  }

  add(key: string, id: string, timeMs: number): void {
    this.#seen.add(key, id, timeMs);
    try {
      const kept = this.#load();
      kept.add(key, id, timeMs);
      this.#write(kept.toString());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whole or not at all; where the file is a link, what it leads to is replaced. */
  #write(text: string): void {
    const path = existsSync(this.#path) ? realpathSync(this.#path) : this.#path;
    const temporary = `${path}.${secretText(6)}`;
    try {
      writeFileSync(temporary, text, { flag: "wx", mode: 0o600 });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  /** @throws what the file system throws, and an error for a dangling link */
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
    if (!this.#hasWarned) this.#warn((error as Error).message);
    this.#hasWarned = true;
  }
}
