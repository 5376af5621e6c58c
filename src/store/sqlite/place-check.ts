// Notices that an open data file was removed, that another file took its place, or that another
// server has its lock. SQLite keeps writing to a removed file, which nobody can open any more: what
// is written would be lost when the server stops.

import { statSync } from "node:fs";
import { systemCode } from "../../errors.ts";
import { history as limits } from "../../limits.ts";
import { refused } from "./errors.ts";

/** The lock of a data file, which has a file of its own. */
export type KeptLock = {
  /** Takes the lock again if its file was removed. @throws ParleyError `storage` */
  keep(): void;
};

export class PlaceCheck {
  readonly #path: string;
  readonly #opened: string | undefined;
  readonly #lock: KeptLock;
  /** When to look next. */
  #nextMs: number;

  /** `path`: of a file that was just opened. */
  constructor(path: string, lock: KeptLock, nowMs: number) {
    this.#path = path;
    this.#opened = fileAt(path);
    this.#lock = lock;
    this.#nextMs = nowMs + limits.placeCheckMs;
  }

  /** @throws ParleyError `storage` until the file is back, and the lock is held */
  check(nowMs: number): void {
    if (nowMs < this.#nextMs) return;
    if (!isStill(this.#path, this.#opened)) {
      throw refused(
        this.#path,
        "was removed or replaced while the server was running: put it back, or restart the server to use what is there now",
      );
    }
    this.#lock.keep();
    this.#nextMs = nowMs + limits.placeCheckMs;
  }
}

const nowhere = "nowhere";

/** Whether `path` is the file that `fileAt` found there, as far as can be known. */
export function isStill(path: string, file: string | undefined): boolean {
  const found = fileAt(path);
  return file === undefined || found === undefined || found === file;
}

/** Identifies the file; undefined if it can't be looked at. */
export function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev} ${ino}`;
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(systemCode(error)) ? nowhere : undefined;
  }
}
