// Notices that an open data file was removed, or that another file took its place. SQLite keeps
// writing to the old one, which nobody can open any more: what is written would be lost when the
// server stops.

import { statSync } from "node:fs";
import { systemCode } from "../../errors.ts";
import { history as limits } from "../../limits.ts";
import { refused } from "./errors.ts";

export class PlaceCheck {
  readonly #path: string;
  readonly #opened: string | undefined;
  #isThere = true;
  #nextMs: number;

  /** `path`: of a file that was just opened. */
  constructor(path: string, nowMs: number) {
    this.#path = path;
    this.#opened = fileAt(path);
    this.#nextMs = nowMs + limits.placeCheckMs;
  }

  /** @throws ParleyError `storage` until the file is back */
  check(nowMs: number): void {
    if (nowMs >= this.#nextMs) {
      this.#nextMs = nowMs + limits.placeCheckMs;
      const found = fileAt(this.#path);
      this.#isThere = found === undefined || found === this.#opened;
    }
    if (this.#isThere) return;
    throw refused(
      this.#path,
      "was removed or replaced while the server was running: put it back, or restart the server to use what is there now",
    );
  }
}

const nowhere = "nowhere";

/** Undefined if that can't be found out. */
function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev} ${ino}`;
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(systemCode(error)) ? nowhere : undefined;
  }
}
