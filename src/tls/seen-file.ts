// Which sealed messages a device has had, kept in a file beside its key. Two clients with the same
// key get the same messages, so each goes by what the file said when it started and by what it has
// had itself, and adds that to what the file says meanwhile.

import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { sealed as limits } from "../limits.ts";
import { secretText } from "../secrets.ts";
import { type Freshness, SeenMessages } from "../trust/seen-messages.ts";

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
    const kept = this.#read();
    kept.add(key, id, timeMs);
    const temporary = `${this.#path}.${secretText(6)}`;
    try {
      writeFileSync(temporary, kept.toString(), { flag: "wx", mode: 0o600 });
      renameSync(temporary, this.#path);
    } catch (error) {
      this.#fail(error);
    }
  }

  #read(): SeenMessages {
    try {
      const isRead = statSync(this.#path).size <= limits.maxSeenBytes;
      return SeenMessages.parse(isRead ? readFileSync(this.#path, "utf8") : "");
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") this.#fail(error);
      return new SeenMessages();
    }
  }

  #fail(error: unknown): void {
    if (!this.#hasWarned) this.#warn((error as Error).message);
    this.#hasWarned = true;
  }
}
