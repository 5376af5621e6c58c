// SHA-256 of shared files for HTTP downloads: computed in slices between other work, once per
// version, and only while somebody waits for it.

import { BoundedMap } from "../../bounded-map.ts";
import { ParleyError } from "../../errors.ts";
import { web } from "../../limits.ts";
import type { OpenFile, SharedFolder } from "./shared-folder.ts";

/** A digest being computed, shared by everybody who asks for it. */
interface Running {
  readonly sha256: Promise<string>;
  readonly abort: AbortController;
  waiters: number;
}

export class FileDigests {
  readonly #folder: SharedFolder;
  /** Hexadecimal digests by version. */
  readonly #known = new BoundedMap<string, string>(web.digestsKept);
  readonly #running = new Map<string, Running>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(folder: SharedFolder) {
    this.#folder = folder;
  }

  /** The digest of this version in hexadecimal, if already known. */
  known(version: string): string | undefined {
    return this.#known.get(version);
  }

  /**
   * The digest of the file as it is now. The work stops when the `signal` of its last waiter is
   * aborted.
   * @throws ParleyError `not-found`; `changed` if the file changes meanwhile; `full` if too many
   * are waiting; what `signal` says
   */
  async of(
    name: string,
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
    if (running === undefined || running.abort.signal.aborted) running = this.#start(file);
    else file.close();
    return { version, sizeBytes, sha256: await this.#wait(running, signal) };
  }

  async #wait(running: Running, signal: AbortSignal | undefined): Promise<string> {
    running.waiters++;
    let isWaiting = true;
    const leave = () => {
      if (!isWaiting) return;
      isWaiting = false;
      if (--running.waiters > 0) return;
      running.abort.abort(new ParleyError("interrupted", "Nobody waits for the digest any more."));
    };
    if (signal?.aborted === true) leave();
    signal?.addEventListener("abort", leave);
    try {
      return await running.sha256;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  #start(file: OpenFile): Running {
    const abort = new AbortController();
    const running = { sha256: this.#compute(file, abort.signal), abort, waiters: 0 };
    const { version } = file;
    this.#running.set(version, running);
    const forget = () => {
      if (this.#running.get(version) === running) this.#running.delete(version);
    };
    running.sha256.then(forget, forget);
    return running;
  }

  async #compute(file: OpenFile, signal: AbortSignal): Promise<string> {
    try {
      await this.#turn(signal);
      try {
        const sha256 = await hash(file, signal);
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

  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#active >= web.maxHashes) {
      if (this.#waiting.length >= web.maxHashWaiting) {
        throw new ParleyError("full", "Too many files are being hashed: try again in a moment.");
      }
      await this.#turnComes(signal);
    }
    this.#active++;
  }

  async #turnComes(signal: AbortSignal): Promise<void> {
    let isGranted = false;
    await new Promise<void>((go) => {
      const grant = () => {
        isGranted = true;
        go();
      };
      this.#waiting.push(grant);
      signal.addEventListener("abort", () => {
        const at = this.#waiting.indexOf(grant);
        if (at >= 0) this.#waiting.splice(at, 1);
        go();
      });
    });
    if (!signal.aborted) return;
    if (isGranted) this.#waiting.shift()?.();
    signal.throwIfAborted();
  }
}

async function hash(file: OpenFile, signal: AbortSignal): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const slice = new Uint8Array(Math.min(web.hashSliceBytes, Math.max(file.size, 1)));
  for (let position = 0; position < file.size;) {
    const length = file.read(slice, position);
    if (length === 0) break;
    hasher.update(slice.subarray(0, length));
    position += length;
    await new Promise<void>((go) => setImmediate(go));
    signal.throwIfAborted();
  }
  if (!file.unchanged()) {
    throw new ParleyError(
      "changed",
      `The file '${file.name}' changed while it was hashed: try again.`,
    );
  }
  return hasher.digest("hex");
}
