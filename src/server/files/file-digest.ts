// SHA-256 of shared files for HTTP downloads: computed in slices between other work, once per version.

import { BoundedMap } from "../../bounded-map.ts";
import { ParleyError } from "../../errors.ts";
import { web } from "../../limits.ts";
import type { OpenFile, SharedFolder } from "./shared-folder.ts";

export class FileDigests {
  readonly #folder: SharedFolder;
  /** Hexadecimal digests by version. */
  readonly #known = new BoundedMap<string, string>(web.digestsKept);
  readonly #running = new Map<string, Promise<string>>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(folder: SharedFolder) {
    this.#folder = folder;
  }

  /** The digest of this version in hexadecimal, if it is known already. */
  known(version: string): string | undefined {
    return this.#known.get(version);
  }

  /**
   * The digest of the file as it is now.
   * @throws ParleyError `not-found`; `changed` when the file changes meanwhile; `full` when too many wait already.
   */
  async of(name: string): Promise<{ version: string; sha256: string; sizeBytes: number }> {
    const file = this.#folder.open(name);
    const { version, size: sizeBytes } = file;
    const shared = this.#known.get(version) ?? this.#running.get(version);
    if (shared !== undefined) {
      file.close();
      return { version, sizeBytes, sha256: await shared };
    }
    const work = this.#start(file);
    this.#running.set(version, work);
    try {
      return { version, sizeBytes, sha256: await work };
    } finally {
      this.#running.delete(version);
    }
  }

  async #start(file: OpenFile): Promise<string> {
    try {
      await this.#turn();
      try {
        const sha256 = await hash(file);
        this.#known.set(file.version, sha256);
        return sha256;
      } finally {
        this.#active--;
        this.#waiting.shift()?.();
      }
    } finally {
      file.close();
    }
  }

  async #turn(): Promise<void> {
    if (this.#active >= web.maxHashes) {
      if (this.#waiting.length >= web.maxHashWaiting) {
        throw new ParleyError("full", "Too many files are being hashed: try again in a moment.");
      }
      await new Promise<void>((go) => this.#waiting.push(go));
    }
    this.#active++;
  }
}

async function hash(file: OpenFile): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const slice = new Uint8Array(Math.min(web.hashSliceBytes, Math.max(file.size, 1)));
  for (let position = 0; position < file.size;) {
    const length = file.read(slice, position);
    if (length === 0) break;
    hasher.update(slice.subarray(0, length));
    position += length;
    await new Promise<void>((go) => setImmediate(go));
  }
  if (!file.unchanged()) {
    throw new ParleyError(
      "changed",
      `The file '${file.name}' changed while it was hashed: try again.`,
    );
  }
  return hasher.digest("hex");
}
