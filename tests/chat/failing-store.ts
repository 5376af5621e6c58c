// A store whose disk is full, can't be read, is slow, or does not say what it did, when a test says so. Everything else is the
// store that it stands before.

import type { Batch, Committed, StoreReply, StoreRequest } from "../../src/chat/store.ts";
import { ParleyError } from "../../src/errors.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import type { Rig } from "./rig.ts";

/**
 * When a request is carried out and its reply comes. `now`: both at once. `reply-late`: it is carried out at once, and the reply
 * waits for `release`. `run-late`: both wait.
 */
export type Timing = "now" | "reply-late" | "run-late";

/** What a commit comes to. `unknown-taken` and `unknown-lost`: the hub is not told whether the log has it. */
export type CommitOutcome = "done" | "full" | "unknown-taken" | "unknown-lost";

type Waiting = { request: StoreRequest; reply: StoreReply | undefined };

export class FailingStore {
  /** Takes nothing. */
  full = false;
  /** Answers no question. */
  unreadable = false;
  /** Whether it does not say what came of a question. */
  unsure: () => boolean = () => false;
  /** When each request is answered. */
  timing: (request: StoreRequest) => Timing = () => "now";
  /** What becomes of each commit. What the log has stays in it: a batch that comes again is not refused any more. */
  outcome: (batch: Batch) => CommitOutcome = () => (this.full ? "full" : "done");
  /** Told every batch that is tried; `committed` if the log took it, a batch that it has already again. */
  tried: (batch: Batch, committed: Committed | undefined) => void = () => {};
  /** Told every request, when it comes. */
  asked: (request: StoreRequest) => void = () => {};
  readonly #waiting: Waiting[] = [];
  /** Batches of processes that are gone. */
  #earlier = 0;
  #batches = 0;
  /** The last batch that the log took. */
  #taken = 0;

  constructor(readonly store: Store = openMemoryStore({ epoch: "epoch-1" })) {}

  /** Carries out a request; undefined if the reply comes with `release`. */
  readonly answer = (request: StoreRequest): StoreReply | undefined => {
    this.asked(request);
    const timing = this.timing(request);
    if (timing === "now") return this.#run(request);
    const reply = timing === "reply-late" ? this.#run(request) : undefined;
    this.#waiting.push({ request, reply });
    return undefined;
  };

  /** Requests whose replies wait, in the order in which they came. */
  get waiting(): readonly StoreRequest[] {
    return this.#waiting.map(({ request }) => request);
  }

  /** Gives the hub the reply to one request that waits. */
  releaseOne(rig: Pick<Rig, "hub" | "nowMs">, at = 0): void {
    const [next] = this.#waiting.splice(at, 1);
    if (next === undefined) throw new Error("No request waits");
    rig.hub.handleStore(next.reply ?? this.#run(next.request), rig.nowMs);
  }

  /** Gives the hub the replies to all requests that wait, and to those that follow from them; those come at once from now on. */
  release(rig: Rig): void {
    this.timing = () => "now";
    while (this.#waiting.length > 0) {
      this.releaseOne(rig);
      rig.settle();
    }
  }

  /** The process that asked is gone; the next one counts its batches from 1 again. */
  reopen(): void {
    this.#waiting.length = 0;
    this.#earlier += this.#batches;
    this.#batches = this.#taken = 0;
  }

  #run(request: StoreRequest): StoreReply {
    if (request.type === "commit") return this.#commit(request.id, request.batch);
    if (this.unsure()) return { id: request.id, outcome: "unknown" };
    if (!this.unreadable) return answerRequest(this.store, request);
    const error = new ParleyError("storage", "The disk reports an error: check it");
    return { id: request.id, outcome: "failed", error };
  }

  #commit(id: number, batch: Batch): StoreReply {
    const outcome = this.#outcome(batch);
    const isTaken = outcome === "done" || outcome === "unknown-taken";
    this.#batches = Math.max(this.#batches, batch.number);
    const numbered = { ...batch, number: this.#earlier + batch.number };
    const reply = isTaken
      ? answerRequest(this.store, { id, type: "commit", batch: numbered })
      : this.#failure(id);
    const isCommitted = reply.outcome === "done" && reply.type === "commit";
    if (isCommitted) this.#taken = batch.number;
    this.tried(batch, isCommitted ? reply.result : undefined);
    return outcome === "done" || outcome === "full" ? reply : { id, outcome: "unknown" };
  }

  #outcome(batch: Batch): CommitOutcome {
    const outcome = this.outcome(batch);
    if (batch.number !== this.#taken) return outcome;
    return outcome.startsWith("unknown") ? "unknown-taken" : "done";
  }

  #failure(id: number): StoreReply {
    const error = new ParleyError("storage", "The disk is full: make space");
    return { id, outcome: "failed", error };
  }
}
