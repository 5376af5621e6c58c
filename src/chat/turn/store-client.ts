// The hub's side of the store protocol: pending requests and their outcomes. A request with an
// unknown outcome is repeated until the outcome is known. Knows no store.

import type { ParleyError } from "../../errors.ts";
import { Erasures } from "../history/erasures.ts";
import { sender } from "../../limits.ts";
import type { NameClaim, StoreOperation, StoreReply, StoreRequest, StoreResults } from "./store.ts";

/** The outcome of a request. */
export type Outcome<T> = { done: true; result: T } | { done: false; error: ParleyError };

type Open = {
  id: number;
  settle: (reply: SettledReply) => void;
  /** The request to repeat if the outcome is unknown. */
  again: () => StoreRequest;
};
type SettledReply = Exclude<StoreReply, { outcome: "unknown" }>;
type Then<K extends keyof StoreResults> = (outcome: Outcome<StoreResults[K]>) => void;

export class StoreClient {
  #nextId = 1;
  #unsent: StoreRequest[] = [];
  /**
   * By ID, oldest first. Not a Map: every table that a Map outgrows refers to the next one, so
   * everything that passed through it stays in memory until a full collection, here whole batches
   * of messages.
   */
  readonly #open: Open[] = [];
  /** Hides messages that are deleted while the store is reading them. */
  readonly erasures = new Erasures();
  #retries: { atMs: number; again: () => StoreRequest }[] = [];

  /** Requests without an outcome. */
  get size(): number {
    return this.#open.length;
  }

  /** Whether `poll` has a new request ready; retries wait for their time. */
  get hasRequest(): boolean {
    return this.#unsent.length > 0;
  }

  /** When the next retry is due; Infinity if there is none. */
  get nextMs(): number {
    return this.#retries[0]?.atMs ?? Infinity;
  }

  /** The next request to carry out, if any. */
  poll(nowMs: number): StoreRequest | undefined {
    const retry = this.#retries[0];
    if (retry !== undefined && retry.atMs <= nowMs) {
      this.#retries.shift();
      return retry.again();
    }
    return this.#unsent.shift();
  }

  /** Handles a reply. Replies to unknown requests are ignored. */
  handle(reply: StoreReply, nowMs: number): void {
    // Most stores answer in order, so it is the first or close to it.
    const at = this.#open.findIndex(({ id }) => id === reply.id);
    const open = this.#open[at];
    if (open === undefined) return;
    if (reply.outcome === "unknown") {
      this.#retries.push({ atMs: nowMs + sender.storageRetryMs, again: open.again });
      return;
    }
    this.#open.splice(at, 1);
    const isPage = reply.outcome === "done" && reply.type === "read-room";
    open.settle(isPage ? { ...reply, result: this.erasures.without(reply.result) } : reply);
  }

  /**
   * Has the store carry out an operation. `repeated`: what to ask for after an unknown outcome,
   * instead of the same.
   */
  ask<K extends keyof StoreResults>(
    operation: StoreOperation & { type: K },
    then: Then<K>,
    repeated: () => StoreOperation = () => operation,
  ): void {
    const id = this.#nextId++;
    const request = { ...operation, id };
    const settle = (reply: SettledReply): void => {
      if (reply.outcome === "failed") return then({ done: false, error: reply.error });
      const answer: AnyAnswer = reply;
      if (!isAnswerTo(operation.type, answer)) {
        throw new Error(`The store answered '${reply.type}' to '${operation.type}'`);
      }
      then({ done: true, result: answer.result });
    };
    this.#open.push({ id, settle, again: () => ({ ...repeated(), id }) });
    this.#unsent.push(request);
  }

  /**
   * `session`: the record that is claimed along with the name, if any. A claim with an unknown
   * outcome that is no longer wanted is not carried out late.
   */
  claimName(
    claim: NameClaim,
    session: string | undefined,
    isWanted: () => boolean,
    then: Then<"claim-name">,
  ): void {
    const operation = { type: "claim-name", claim, session } as const;
    this.ask(operation, then, () => ({ ...operation, isWithdrawn: !isWanted() }));
  }
}

type AnyAnswer = { readonly type: string; readonly result: unknown };

function isAnswerTo<K extends keyof StoreResults>(
  type: K,
  answer: AnyAnswer,
): answer is { type: K; result: StoreResults[K] } {
  return answer.type === type;
}
