// A client's requests that the hub has not answered yet, and the labels that their answers carry
// (IRCv3 labeled-response). Bounded. Pure.

import { irc as limits } from "../../limits.ts";
import type { Ref } from "../../chat/events.ts";

/** What a line requested; determines the form of the answer. */
export type Request = {
  /** The command of the line. */
  readonly verb: string;
  /** As the client wrote it: a channel, nick or mask. */
  readonly target: string;
  /** What else the answer depends on. */
  readonly args: readonly string[];
  readonly label: Label | undefined;
};

/** The label of one line. */
export class Label {
  /** Requests that are still unanswered. */
  open = 0;
  /** The batch reference, set once the line gets more than one answer. */
  batch: string | undefined;
  isOpened = false;

  constructor(readonly text: string) {}
}

export class PendingRequests {
  readonly #open = new Map<number, Request>();
  #next = 1;

  add(request: Request): number {
    if (this.#open.size >= limits.maxPending) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.#open.delete(oldest);
    }
    if (request.label !== undefined) request.label.open++;
    const ref = this.#next++;
    this.#open.set(ref, request);
    return ref;
  }

  get(ref: Ref | undefined): Request | undefined {
    return typeof ref === "number" ? this.#open.get(ref) : undefined;
  }

  /** Marks the request as answered. */
  close(ref: Ref | undefined): void {
    const request = this.get(ref);
    if (request === undefined) return;
    if (typeof ref === "number") this.#open.delete(ref);
    if (request.label !== undefined) request.label.open--;
  }
}
