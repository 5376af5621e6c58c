// A history whose disk is full when a test says so. Everything else is the history that it stands before.

import type { History, Turn } from "../../src/chat/history.ts";
import { ParleyError } from "../../src/errors.ts";
import { openMemoryHistory } from "../../src/store/memory.ts";

export class FailingHistory implements History {
  full = false;
  /** Told every turn that is tried, and whether it got into the log. */
  tried: (turn: Turn, taken: boolean) => void = () => {};
  readonly #log: History;

  constructor(log: History = openMemoryHistory({ epoch: "epoch-1" })) {
    this.#log = log;
  }

  append(turn: Turn): void {
    this.tried(turn, !this.full);
    if (this.full) throw new ParleyError("storage", "The disk is full: make space");
    this.#log.append(turn);
  }
  get epoch(): string {
    return this.#log.epoch;
  }
  lastSeq(room: string): number {
    return this.#log.lastSeq(room);
  }
  firstSeq(room: string): number {
    return this.#log.firstSeq(room);
  }
  after(...args: Parameters<History["after"]>): ReturnType<History["after"]> {
    return this.#log.after(...args);
  }
  before(...args: Parameters<History["before"]>): ReturnType<History["before"]> {
    return this.#log.before(...args);
  }
  session(id: string): ReturnType<History["session"]> {
    return this.#log.session(id);
  }
  sessionNamed(...args: Parameters<History["sessionNamed"]>): ReturnType<History["sessionNamed"]> {
    return this.#log.sessionNamed(...args);
  }
  mailAfter(...args: Parameters<History["mailAfter"]>): ReturnType<History["mailAfter"]> {
    return this.#log.mailAfter(...args);
  }
}
