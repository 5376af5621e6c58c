// The names that a person ignores, one per line, in a file among their settings.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { withIgnored } from "../client/ignored.ts";
import { systemCode, systemReason } from "../errors.ts";
import { client as limits } from "../limits.ts";
import { harmless, quoted } from "../text.ts";
import { readIfThere } from "../tls/read-if-there.ts";
import { replaceFile } from "../tls/replace-file.ts";
import { warn } from "./output/diagnostics.ts";

export class IgnoredFile {
  readonly #path: string | undefined;
  readonly #tell: (sentence: string) => void;

  /** Undefined: there is nowhere to keep the file. */
  constructor(path: string | undefined, tell: (sentence: string) => void = warn) {
    this.#path = path;
    this.#tell = tell;
  }

  /** Empty if there is no file, or, with a warning, if it can't be read. */
  load(): readonly string[] {
    if (this.#path === undefined) return [];
    try {
      return this.#read(this.#path);
    } catch (error) {
      // There is no such folder.
      if (systemCode(error) === "ENOTDIR") return [];
      const message = systemReason(error);
      const file = quoted(this.#path, 300);
      this.#tell(
        `The file of people you ignore, ${file}, can't be read (${message}): you hear them`,
      );
      return [];
    }
  }

  /** @throws the file system's errors */
  #read(path: string): readonly string[] {
    const lines = (readIfThere(path) ?? "").split(/\r?\n/, limits.maxIgnored);
    return lines.map((line) => harmless(line.trim())).filter((name) => name !== "");
  }

  /**
   * Adds or removes a name; other clients may have done so too. Returns why it could not be saved;
   * undefined if it was.
   */
  change(name: string, isIgnored: boolean): string | undefined {
    if (this.#path === undefined) return "there is no home folder";
    try {
      const names = withIgnored(this.#read(this.#path), name, isIgnored);
      const text = names.map((name) => `${name}\n`).join("");
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      replaceFile(this.#path, text);
      return undefined;
    } catch (error) {
      return systemReason(error);
    }
  }
}
