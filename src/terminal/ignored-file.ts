// The names that a person ignores, one per line, in a file among their settings.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { client as limits } from "../limits.ts";
import { harmless } from "../text.ts";

export class IgnoredFile {
  readonly #path: string | undefined;

  /** Undefined: there is nowhere to keep the file. */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Empty if there is no file or it can't be read. */
  load(): readonly string[] {
    if (this.#path === undefined) return [];
    try {
      const lines = readFileSync(this.#path, "utf8").split(/\r?\n/, limits.maxIgnored);
      return lines.map((line) => harmless(line.trim())).filter((name) => name !== "");
    } catch {
      return [];
    }
  }

  /** Why the names could not be saved; undefined if they were. */
  save(names: readonly string[]): string | undefined {
    if (this.#path === undefined) return "there is no home folder";
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      writeFileSync(this.#path, names.map((name) => `${name}\n`).join(""), { mode: 0o600 });
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }
}
