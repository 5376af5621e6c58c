// A real store behind one that fails, stalls and answers *unknown*: for a while the disk is full,
// can't be read, or is slow; some outcomes are lost whether the store has committed the batch or
// not.

import type { Hub } from "../../../src/chat/hub.ts";
import type {
  Batch,
  LocalStore,
  StoreAnswerer,
  StoreReply,
  StoreRequest,
} from "../../../src/chat/turn/store.ts";
import { Rights } from "../../../src/chat/rights/rights.ts";
import { ParleyError } from "../../../src/errors.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { nameHolders } from "../../chat/inspect.ts";
import type { MachineClock } from "./machine-clock.ts";
import type { Backing } from "./server-process.ts";
import type { Surroundings } from "./surroundings.ts";

/** The store's present condition. */
export type StoreCondition = "fine" | "slow" | "full" | "unreadable" | "forgetful";

/** How long a request waits for others at most, in a store that is slow for a while. */
const mostBehindMs = 30_000;

export class FlakyStore {
  condition: StoreCondition = "fine";
  /** Requests are carried out in the order in which they arrive, none before this. */
  #freeMs = 0;
  /** The hub numbers batches per process; the store needs one sequence. */
  #process = 0;
  #taken = 0;
  #pending: StoreRequest[] = [];

  constructor(
    public store: LocalStore,
    readonly world: Surroundings,
    /** Of the server. */
    readonly machine: MachineClock,
  ) {}

  /** Another process takes over the store. */
  attach(): Backing {
    const { epoch } = this.store;
    const process = ++this.#process;
    const answer: StoreAnswerer = (request, reply) => {
      const { condition } = this;
      const { clock, random } = this.world;
      const isBusy = clock.nowMs < this.#freeMs;
      if (condition === "fine" && !isBusy) return reply(this.#answer(request, process));
      const isSlow = condition === "slow" && this.#freeMs - clock.nowMs < mostBehindMs;
      const latencyMs = isSlow ? random() * 2_000 : random() * 5;
      this.#freeMs = Math.max(this.#freeMs, clock.nowMs) + latencyMs;
      this.#pending.push(request);
      clock.after(this.#freeMs - clock.nowMs, () => {
        if (process !== this.#process) return;
        this.#pending.shift();
        const forgets = condition === "forgetful" && random() < 0.5;
        if (forgets && random() < 0.5) return reply({ id: request.id, outcome: "unknown" });
        const answer = this.#answer(request, process);
        reply(forgets ? { id: request.id, outcome: "unknown" } : answer);
      });
    };
    const rights = new Rights(this.store.rights.load());
    // Many a name is held only between two commits.
    const happened = (hub: Hub): void => {
      for (const [name, holder] of nameHolders(hub)) this.world.truth.named(holder, name);
    };
    const detach = (): void => this.#detach();
    return { epoch, answer, rights, random: this.world.random, detach, happened };
  }

  /** The process has died with its memory: the next one works with another store. */
  replace(store: LocalStore): void {
    this.store = store;
    this.#taken = 0;
    this.world.truth.forget();
    this.world.letters.forget();
  }

  /** The process is dead: some of its requests are carried out before those of others. */
  #detach(): void {
    for (const request of this.#pending) {
      if (this.world.random() < 0.5) break;
      this.#answer(request, this.#process);
    }
    this.#pending = [];
    this.#freeMs = 0;
    this.#process++;
  }

  #answer(request: StoreRequest, process: number): StoreReply {
    const { truth, clock } = this.world;
    if (request.type !== "commit") {
      if (this.condition === "unreadable") return failed(request);
      const reply = answerRequest(this.store, request);
      if (request.type === "erase-message" && reply.outcome === "done") {
        const { room, seq } = request;
        if (reply.result === true) truth.erased({ room, seq, atMs: clock.nowMs });
      }
      return reply;
    }
    const number = process * 1_000_000 + request.batch.number;
    const batch = { ...request.batch, number };
    // A committed batch can no longer fail.
    const isTaken = number === this.#taken;
    if (this.condition === "full" && !isTaken) return failed(request);
    const reply = answerRequest(this.store, { ...request, batch });
    if (reply.outcome === "done" && reply.type === "commit" && !isTaken) {
      this.#taken = number;
      const { rooms, mail } = reply.result;
      // Copies for the senders' own history are not delivered.
      const received = batch.mail.filter(({ isCopy }) => isCopy !== true);
      const numbers = mail.filter((number) => number > 0);
      const mayShow = (shownMs: number, sentMs: number): boolean =>
        this.machine.mayShow(shownMs, sentMs, clock.nowMs);
      truth.committed({ ...batch, mail: received }, { rooms, mail: numbers }, mayShow);
      this.#keepLetters(batch);
    }
    return reply;
  }

  #keepLetters({ mail }: Batch): void {
    const { clock, letters } = this.world;
    for (const { session, message, other } of mail) {
      const { timeMs, id = 0 } = message;
      const { person = "", name = "" } = other ?? {};
      letters.add(session, { timeMs, id, person, name, atMs: clock.nowMs });
    }
  }
}

function failed({ id }: StoreRequest): StoreReply {
  return {
    id,
    outcome: "failed",
    error: new ParleyError("storage", "The disk does not work: wait"),
  };
}
