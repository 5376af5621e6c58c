// The file with the keys of known people on one server. Knows no protocol.

import { ParleyError } from "../errors.ts";
import { sealed as limits } from "../limits.ts";
import { findKnownKeys, knownKeysLine, type KnownKeys } from "../trust/known-keys.ts";
import { quoted } from "../text.ts";
import { TrustListFile } from "./trust-list-file.ts";

export class KnownKeysFile {
  readonly #path: string;
  readonly #file: TrustListFile;
  readonly #server: string;

  /** `server`: `HOST:PORT` as the user wrote it. */
  constructor(path: string, server: string) {
    this.#path = path;
    this.#file = new TrustListFile(path, "People's keys", "people and servers");
    this.#server = server;
  }

  /** @throws ParleyError `failed` if the file can't be read or the person's line is damaged */
  find(name: string): KnownKeys | undefined {
    const found = findKnownKeys(this.#file.read(), this.#server, name);
    if (found.kind !== "malformed") return found.kind === "known" ? found.known : undefined;
    throw new ParleyError(
      "failed",
      `Line ${found.line} of ${quoted(this.#path, 300)} is for ${quoted(name)}, but has no valid keys: ` +
        "correct it, or remove it to trust them as if met for the first time",
    );
  }

  /**
   * Whether there is room to remember people who write or call first: half of the file is kept for
   * those whom the user contacts. @throws ParleyError `failed`
   */
  get takesStrangers(): boolean {
    return this.#file.read().length < limits.maxUnaskedBytes;
  }

  /** Undefined: forgets the keys. @throws ParleyError `failed` */
  remember(name: string, known: KnownKeys | undefined): void {
    this.#file.append(name, (text) => knownKeysLine(text, this.#server, name, known));
  }
}
