// The files being served, each opened and hashed once however many clients fetch it, and the
// digests of recent ones, so that the same version is not hashed again. Knows no protocol.

import { BoundedMap } from "../../bounded-map.ts";
import { files as limits, transfer as wire } from "../../limits.ts";
import type { DigestLog } from "../../transfer/digests.ts";
import { ReadAhead, ServedFile } from "./served-file.ts";
import type { OpenFile } from "./shared-folder.ts";

export class DigestCache {
  readonly #active = new Map<string, ServedFile>();
  /** Finished digests by version. */
  readonly #finished = new BoundedMap<string, DigestLog>(limits.digestCacheBytes, costOf);

  /** Number of files in use. */
  get size(): number {
    return this.#active.size;
  }

  /** The next file to hash a piece of, if any. All that are due take turns. */
  nextDue(busy: boolean): ServedFile | undefined {
    for (const [version, served] of this.#active) {
      if (!served.isHashDue(busy)) continue;
      this.#active.delete(version);
      this.#active.set(version, served);
      return served;
    }
    return undefined;
  }

  /**
   * Takes over an opened file for a client that holds the first `heldBytes`. Return the reader with
   * `release`.
   */
  use(file: OpenFile, heldBytes: number): { served: ServedFile; reader: ReadAhead } {
    let served = this.#active.get(file.version);
    if (served === undefined || served.broken !== undefined) {
      served = new ServedFile(file, this.#finished.get(file.version));
      this.#active.set(file.version, served);
    } else file.close();
    const reader = new ReadAhead(served, heldBytes);
    served.readers.add(reader);
    return { served, reader };
  }

  release(served: ServedFile, reader: ReadAhead): void {
    if (!served.readers.delete(reader) || served.readers.size > 0) return;
    served.file.close();
    const { version } = served.file;
    if (this.#active.get(version) === served) this.#active.delete(version);
    if (served.isReusable) this.#finished.set(version, served.log);
  }

  close(): void {
    for (const served of this.#active.values()) served.file.close();
    this.#active.clear();
  }
}

/** Bytes of digests, plus the overhead of an entry. */
function costOf(log: DigestLog): number {
  return log.count * wire.digestBytes + 1_024;
}
