// The names that a person ignores, one per line, in a file among their settings.

import { lstatSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { client as limits } from "../limits.ts";
import { secretText } from "../secrets.ts";
import { harmless } from "../text.ts";
import { readIfThere } from "../tls/read-if-there.ts";

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
      const lines = (readIfThere(this.#path) ?? "").split(/\r?\n/, limits.maxIgnored);
      return lines.map((line) => harmless(line.trim())).filter((name) => name !== "");
    } catch {
      return [];
    }
  }

  /** Why the names could not be saved; undefined if they were. */
  save(names: readonly string[]): string | undefined {
    if (this.#path === undefined) return "there is no home folder";
    const text = names.map((name) => `${name}\n`).join("");
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      replace(this.#path, text);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }
}

/** Writes beside the file first, so that a full disk does not cost the names in it. */
function replace(given: string, text: string): void {
  const isThere = lstatSync(given, { throwIfNoEntry: false }) !== undefined;
  // The file may be a link to one that people keep elsewhere.
  const path = isThere ? realpathSync(given) : given;
  const temporary = `${path}.${secretText(6)}`;
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
