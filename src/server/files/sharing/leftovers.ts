// How long uploads have been left alone: counted from when this server noticed it, not by the times
// of their files, which a wrong clock may have set.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { sharing as limits } from "../../../limits.ts";

export class Leftovers {
  readonly #known = new Map<string, { version: number; sinceMs: number }>();

  /** The uploads in the folder that nobody has touched for `keepPartialMs`. */
  async expired(folder: string, ids: readonly string[], nowMs: number): Promise<string[]> {
    const expired: string[] = [];
    const ofNow = new Set(ids);
    for (const id of this.#known.keys()) if (!ofNow.has(id)) this.#known.delete(id);
    for (const id of ids) {
      const version = await versionOf(join(folder, id));
      const known = this.#known.get(id);
      if (known?.version !== version) this.#known.set(id, { version, sinceMs: nowMs });
      else if (nowMs - known.sinceMs > limits.keepPartialMs) expired.push(id);
    }
    return expired;
  }
}

/** Changes when the row is touched; without a row, when something is written. */
async function versionOf(upload: string): Promise<number> {
  const row = await stat(join(upload, "row")).catch(() => undefined);
  return row?.mtimeMs ?? (await stat(upload).catch(() => undefined))?.ctimeMs ?? 0;
}
