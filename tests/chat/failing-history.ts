// A history whose disk is full, or can't be read, when a test says so. Everything else is the history that it stands before.

import type { History, LogEntry } from "../../src/chat/history.ts";
import { ParleyError } from "../../src/errors.ts";
import { openMemoryHistory } from "../../src/store/memory.ts";

export class FailingHistory implements History {
  full = false;
  unreadable = false;
  /** Told every turn that is tried, and whether it got into the log. */
  tried: (turn: LogEntry, taken: boolean) => void = () => {};
  readonly #log: History;

  constructor(log: History = openMemoryHistory({ epoch: "epoch-1" })) {
    this.#log = log;
  }

  append(turn: LogEntry): void {
    this.tried(turn, !this.full);
    if (this.full) throw new ParleyError("storage", "The disk is full: make space");
    this.#log.append(turn);
  }
  get epoch(): string {
    return this.#log.epoch;
  }
  lastSeq(room: string): number {
    return this.#readable.lastSeq(room);
  }
  firstSeq(room: string): number {
    return this.#readable.firstSeq(room);
  }
  after(...args: Parameters<History["after"]>): ReturnType<History["after"]> {
    return this.#readable.after(...args);
  }
  before(...args: Parameters<History["before"]>): ReturnType<History["before"]> {
    return this.#readable.before(...args);
  }
  session(id: string): ReturnType<History["session"]> {
    return this.#readable.session(id);
  }
  sessionNamed(...args: Parameters<History["sessionNamed"]>): ReturnType<History["sessionNamed"]> {
    return this.#readable.sessionNamed(...args);
  }
  mailAfter(...args: Parameters<History["mailAfter"]>): ReturnType<History["mailAfter"]> {
    return this.#readable.mailAfter(...args);
  }

  get #readable(): History {
    if (this.unreadable) throw new ParleyError("storage", "The disk reports an error: check it");
    return this.#log;
  }
}
