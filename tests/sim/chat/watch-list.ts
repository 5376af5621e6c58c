// Who of those whom an IRC client watches (MONITOR) is online, as it has been told.

import { fold } from "../../../src/chat/names/grammar.ts";
import { fail } from "./truth.ts";

/** How long it may be wrong: longer than a lease, and than a look on a slow link. */
const wrongMs = 30_000;

export class WatchList {
  /** By folded name. */
  readonly #isOnline = new Map<string, boolean>();
  readonly #wrongSinceMs = new Map<string, number>();

  constructor(readonly owner: string) {}

  forget(): void {
    this.#isOnline.clear();
    this.#wrongSinceMs.clear();
  }

  /** `names`: separated by commas, perhaps with user and host. */
  told(names: string, isOnline: boolean): void {
    for (const name of names.split(",")) {
      this.#isOnline.set(fold(name.replace(/!.*/, "")), isOnline);
    }
  }

  check(online: ReadonlySet<string>, nowMs: number): void {
    for (const [name, isOnline] of this.#isOnline) {
      if (online.has(name) === isOnline) this.#wrongSinceMs.delete(name);
      else {
        const sinceMs = this.#wrongSinceMs.get(name) ?? nowMs;
        this.#wrongSinceMs.set(name, sinceMs);
        if (nowMs - sinceMs < wrongMs) continue;
        fail(`${this.owner} was told that ${name} is ${isOnline ? "online" : "offline"}`);
      }
    }
  }

  /** What it may say has not arrived, or need not be known. */
  pause(): void {
    this.#wrongSinceMs.clear();
  }
}
