// Requests waiting for the server's answer: numbered, bounded, abandoned when the connection is
// lost. Pure.

import { client as limits } from "../limits.ts";
import type { ChatRequest, OfferRequest, SessionRequest, VouchRequest } from "./events.ts";

/** These lead to events of their own, without a `ref`. */
const unanswered: ReadonlySet<string> = new Set<
  (ChatRequest | OfferRequest | VouchRequest)["type"]
>(["vouch", "invite", "accept", "reject", "leave", "answer-files"]);

export class PendingRequests {
  readonly #open = new Set<number>();
  #lastRef = 0;

  /** Returns a new number. */
  nextRef(): number {
    return ++this.#lastRef;
  }

  /** Numbers a request; undefined if too many are open. */
  open(request: SessionRequest): number | undefined {
    if (this.#open.size >= limits.openRequests) return undefined;
    const ref = this.nextRef();
    if (!unanswered.has(request.type)) this.#open.add(ref);
    return ref;
  }

  /** Closes the request with this number; false if there is none. */
  close(ref: number | undefined): boolean {
    return ref !== undefined && this.#open.delete(ref);
  }

  /** Abandons all open requests and returns their numbers. */
  closeAll(): number[] {
    const refs = [...this.#open];
    this.#open.clear();
    return refs;
  }
}
