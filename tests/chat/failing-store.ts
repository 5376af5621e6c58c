// A store in front of a real one that is full, unreadable, slow or silent about outcomes on demand.

import type { Batch, Committed, StoreReply, StoreRequest } from "../../src/chat/turn/store.ts";
import { ParleyError } from "../../src/errors.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import type { ServerStore } from "../../src/store/server-store.ts";
import type { Rig } from "./rig.ts";

/**
 * When a request is carried out and when its reply arrives. `now`: both immediately. `reply-late`:
 * it is carried out immediately, and the reply waits for `release`. `run-late`: both wait.
 */
export type Timing = "now" | "reply-late" | "run-late";

/** The outcome of a commit; with `unknown-…` the hub does not learn whether the log has it. */
export type CommitOutcome = "done" | "full" | "unknown-taken" | "unknown-lost";

type Waiting = { request: StoreRequest; reply: StoreReply | undefined };

export class FailingStore {
  /** Commits fail. */
  full = false;
  /** Reads fail. */
  unreadable = false;
  /** Whether the outcome of a read is unknown. */
  unsure: () => boolean = () => false;
  /** When a request is carried out and answered. */
  timing: (request: StoreRequest) => Timing = () => "now";
  /** The outcome of each commit. A batch that is in the log already cannot fail any more. */
  outcome: (batch: Batch) => CommitOutcome = () => (this.full ? "full" : "done");
  /** Called for every attempt to commit; `committed` if the batch is in the log. */
  tried: (batch: Batch, committed: Committed | undefined) => void = () => {};
  /** Called for every request. */
  asked: (request: StoreRequest) => void = () => {};
  readonly #waiting: Waiting[] = [];
  /** The number of batches of earlier processes. */
  #earlier = 0;
  #batches = 0;
  /** The last batch that is in the log. */
  #taken = 0;

  constructor(readonly store: ServerStore = openMemoryStore({ epoch: "epoch-1" })) {}

  /** Carries out a request; undefined if the reply comes with `release`. */
  readonly answer = (request: StoreRequest): StoreReply | undefined => {
    this.asked(request);
    const timing = this.timing(request);
    if (timing === "now") return this.#run(request);
    const reply = timing === "reply-late" ? this.#run(request) : undefined;
    this.#waiting.push({ request, reply });
    return undefined;
  };

  /** Requests whose replies are held back, oldest first. */
  get waiting(): readonly StoreRequest[] {
    return this.#waiting.map(({ request }) => request);
  }

  /** Delivers one held reply. */
  releaseOne(rig: Pick<Rig, "hub" | "nowMs">, at = 0): void {
    const [next] = this.#waiting.splice(at, 1);
    if (next === undefined) throw new Error("No request waits");
    rig.hub.handleStore(next.reply ?? this.#run(next.request), rig.nowMs);
  }

  /** Delivers all held replies, and answers everything immediately from now on. */
  release(rig: Rig): void {
    this.timing = () => "now";
    while (this.#waiting.length > 0) {
      this.releaseOne(rig);
      rig.settle();
    }
  }

  /** For a new process, which numbers its batches from 1 again. */
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
