// SHA-256 of shared files for HTTP downloads: computed in slices between other work, once per
// version, and only while somebody waits for it.

import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { BoundedMap } from "../../bounded-map.ts";
import { ParleyError } from "../../errors.ts";
import { web } from "../../limits.ts";
import type { OpenFile } from "./open-file.ts";
import type { FileFolder } from "./file-folder.ts";
import { Turns } from "./turns.ts";

/** A digest being computed, shared by all requests for it. */
interface Running {
  readonly sha256: Promise<string>;
  readonly abort: AbortController;
  waiters: number;
}

export class FileDigests {
  readonly #folder: Pick<FileFolder, "open">;
  /** Hexadecimal digests by version. */
  readonly #known = new BoundedMap<string, string>(web.digestsKept);
  readonly #running = new Map<string, Running>();
  /** Each computation reads a piece in its turn. */
  readonly #turns = new Turns(web.hashesPerTurn);
  #count = 0;
  readonly #owners = new ShareCounts(web.maxHashesPerAddress, web.maxHashes / 3);

  constructor(folder: Pick<FileFolder, "open">) {
    this.#folder = folder;
  }

  /** The digest of this version in hexadecimal, if already known. */
  known(version: string): string | undefined {
    return this.#known.get(version);
  }

  /**
   * The digest of the file in its current version. The work stops when the `signal` of the last
   * waiter is aborted. `owner`: the share owner that the computation counts for.
   * @throws ParleyError `not-found`; `changed` if the file changes meanwhile; `full` if too many
   * files are being hashed; `interrupted` once `signal` is aborted
   */
  async of(
    name: string,
    owner: ShareOwner,
    signal?: AbortSignal,
  ): Promise<{ version: string; sha256: string; sizeBytes: number }> {
    const file = this.#folder.open(name);
    const { version, size: sizeBytes } = file;
    const known = this.#known.get(version);
    if (known !== undefined) {
      file.close();
      return { version, sizeBytes, sha256: known };
    }
    let running = this.#running.get(version);
    if (running === undefined || running.abort.signal.aborted) running = this.#start(file, owner);
    else file.close();
    return { version, sizeBytes, sha256: await this.#wait(running, signal) };
  }

  async #wait(running: Running, signal: AbortSignal | undefined): Promise<string> {
    running.waiters++;
    const left = Promise.withResolvers<never>();
    const leave = () => {
      const over = new ParleyError("interrupted", "Nobody is waiting for the digest.");
      // The last one waits until the work has stopped.
      if (--running.waiters === 0) running.abort.abort(over);
      else left.reject(over);
    };
    if (signal?.aborted === true) leave();
    else signal?.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([running.sha256, left.promise]);
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  #start(file: OpenFile, owner: ShareOwner): Running {
    const abort = new AbortController();
    const running = { sha256: this.#compute(file, owner, abort.signal), abort, waiters: 0 };
    const { version } = file;
    this.#running.set(version, running);
    const forget = () => {
      if (this.#running.get(version) === running) this.#running.delete(version);
    };
    running.sha256.then(forget, forget);
    return running;
  }

  async #compute(file: OpenFile, owner: ShareOwner, signal: AbortSignal): Promise<string> {
    try {
      this.#enter(owner);
      try {
        const sha256 = await hash(file, signal, () => this.#turns.next());
        this.#known.set(file.version, sha256);
        return sha256;
      } finally {
        this.#leave(owner);
      }
    } finally {
      file.close();
    }
  }

  /** @throws ParleyError `full` */
  #enter(owner: ShareOwner): void {
    if (this.#count >= web.maxHashes || this.#owners.full(owner) !== undefined) {
      throw new ParleyError("full", "Too many files are being hashed: try again in a moment.");
    }
    this.#count++;
    this.#owners.add(owner);
  }

  #leave(owner: ShareOwner): void {
    this.#count--;
    this.#owners.remove(owner);
  }
}

/** Awaits `turn` before each piece. */
async function hash(
  file: OpenFile,
  signal: AbortSignal,
  turn: () => Promise<void>,
): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const slice = new Uint8Array(Math.min(web.hashSliceBytes, Math.max(file.size, 1)));
  for (let position = 0; position < file.size;) {
    await turn();
    signal.throwIfAborted();
    const length = file.read(slice, position);
    if (length === 0) break;
    hasher.update(slice.subarray(0, length));
    position += length;
  }
  if (!file.unchanged()) {
    throw new ParleyError(
      "changed",
      `The file '${file.name}' changed while it was being hashed: try again.`,
    );
  }
  return hasher.digest("hex");
}
