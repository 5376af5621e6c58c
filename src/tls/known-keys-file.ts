// The file with the keys of known people on one server. Knows no protocol.

import { appendFileSync, chmodSync } from "node:fs";
import { ParleyError } from "../errors.ts";
import { sealed as limits } from "../limits.ts";
import { findKnownKeys, isListable, knownKeysLine, type KnownKeys } from "../trust/known-keys.ts";
import { quoted } from "../text.ts";
import { readIfThere } from "./read-if-there.ts";

export class KnownKeysFile {
  readonly #path: string;
  readonly #server: string;

  /** `server`: `HOST:PORT` as the user wrote it. */
  constructor(path: string, server: string) {
    this.#path = path;
    this.#server = server;
  }

  /** @throws ParleyError `failed` if the file can't be read or the person's line is damaged */
  find(name: string): KnownKeys | undefined {
    const found = findKnownKeys(this.#read(), this.#server, name);
    if (found.kind !== "malformed") return found.kind === "known" ? found.known : undefined;
    throw new ParleyError(
      "failed",
      `Line ${found.line} of ${quoted(this.#path, 300)} is for ${quoted(name)}, but has no valid keys: ` +
        "correct it, or remove it to trust them as if met for the first time",
    );
  }

  /** Undefined: forgets the keys. @throws ParleyError `failed` */
  remember(name: string, known: KnownKeys | undefined): void {
    if (!isListable(name)) throw this.#failed(`${quoted(name)} is not a name`);
    const text = this.#read();
    const line = knownKeysLine(text, this.#server, name, known);
    if (text.length + line.length > limits.maxKnownBytes) {
      throw this.#failed("it is full: remove lines of people and servers that you do not need");
    }
    try {
      appendFileSync(this.#path, line, { mode: 0o600 });
      if (process.platform !== "win32") chmodSync(this.#path, 0o600);
    } catch (error) {
      throw this.#failed((error as Error).message);
    }
  }

  #read(): string {
    try {
      return readIfThere(this.#path) ?? "";
    } catch (error) {
      throw this.#failed((error as Error).message);
    }
  }

  #failed(why: string): ParleyError {
    const path = quoted(this.#path, 300);
    return new ParleyError("failed", `People's keys can't be kept in ${path}: ${why}`);
  }
}
