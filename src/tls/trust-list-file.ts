// A file of lines about whom this device trusts, to which lines are appended. Knows no protocol.

import { appendFileSync, chmodSync } from "node:fs";
import { ParleyError, systemReason } from "../errors.ts";
import { sealed as limits } from "../limits.ts";
import { quoted } from "../text.ts";
import { isListable } from "../trust/known-keys.ts";
import { readIfThere } from "./read-if-there.ts";

export class TrustListFile {
  readonly #path: string;
  readonly #what: string;
  readonly #lines: string;

  /** `what` the file is about, such as `Your other devices`, and whose `lines` can be removed. */
  constructor(path: string, what: string, lines: string) {
    this.#path = path;
    this.#what = what;
    this.#lines = lines;
  }

  /** Empty if there is no file. @throws ParleyError `failed` */
  read(): string {
    try {
      return readIfThere(this.#path) ?? "";
    } catch (error) {
      throw this.#failed(systemReason(error));
    }
  }

  /** `lineAfter`: the line about `name` that follows this text. @throws ParleyError `failed` */
  append(name: string, lineAfter: (text: string) => string): void {
    if (!isListable(name)) throw this.#failed(`${quoted(name)} is not a name`);
    const text = this.read();
    const line = lineAfter(text);
    if (text.length + line.length > limits.maxKnownBytes) {
      throw this.#failed(`it is full: remove lines of ${this.#lines} that you do not need`);
    }
    try {
      appendFileSync(this.#path, line, { mode: 0o600 });
      if (process.platform !== "win32") chmodSync(this.#path, 0o600);
    } catch (error) {
      throw this.#failed(systemReason(error));
    }
  }

  #failed(why: string): ParleyError {
    const path = quoted(this.#path, 300);
    return new ParleyError("failed", `${this.#what} can't be kept in ${path}: ${why}`);
  }
}
