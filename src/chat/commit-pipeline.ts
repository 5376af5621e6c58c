// First the log, then everybody hears it: batches go to the store one at a time, the next gathers meanwhile. When the store has
// settled one, in the log or certainly not, it is delivered (or withdrawn) and the next goes. Knows what a batch needs of the
// store; who hears what is the business of `settled`.

import type { ParleyError } from "../errors.ts";
import type { RoomBatch, SessionUpdate } from "./store.ts";
import type { StoreClient } from "./store-client.ts";
import { type Departure, TurnBatch } from "./turn-batch.ts";
import type { SaidRun } from "./said-run.ts";
import type { Session } from "./session.ts";

/** What became of a batch: the `mail` numbers of its stored private messages, or why the log did not take it. */
export type Settlement = { mail: readonly number[] } | { error: ParleyError };

export type PipelineOptions = {
  store: StoreClient;
  /** A session's record as it is now, or when it left. */
  recordOf: (session: Session, departure?: Departure) => SessionUpdate;
  /** A batch is settled: delivers it. */
  settled: (batch: TurnBatch, settlement: Settlement) => void;
};

export class CommitPipeline {
  /** What is gathered now. */
  gathering = new TurnBatch();
  #inFlight: TurnBatch | undefined;
  #settling: TurnBatch | undefined;
  #number = 0;
  /** The turn of what is gathered has ended: it goes as soon as the batch before is settled. */
  #isDue = false;
  #order = 0;
  readonly #options: PipelineOptions;

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /** The place of what happens next among all that happens. */
  nextOrder(): number {
    return ++this.#order;
  }

  get inFlight(): TurnBatch | undefined {
    return this.#inFlight;
  }

  /** The batch that is being delivered, while it is. */
  get settling(): TurnBatch | undefined {
    return this.#settling;
  }

  /** Whether nothing waits for the log. */
  get isSettled(): boolean {
    return this.#inFlight === undefined && this.gathering.isEmpty;
  }

  /** The end of a turn: what was gathered goes to the log, or waits for the batch before it. */
  close(): void {
    if (this.gathering.isEmpty) return;
    if (this.#inFlight !== undefined) {
      this.#isDue = true;
      return;
    }
    this.#isDue = false;
    const batch = this.gathering;
    this.gathering = new TurnBatch();
    this.#inFlight = batch;
    if (!batch.needsStore) return this.#settle(batch, { mail: [] });
    this.#commit(batch);
  }

  /** Runs `then` once everything that has happened so far is settled; at once if it is. */
  whenSettled(then: () => void): void {
    if (this.isSettled) return then();
    if (this.gathering.isEmpty && this.#inFlight !== undefined) {
      this.#inFlight.afterDelivery.push(then);
      return;
    }
    this.gathering.afterDelivery.push(then);
    this.close();
  }

  /** Who has left, as far as the log may not know it yet, the latest first. */
  *departures(): Iterable<readonly [id: string, departure: Departure]> {
    yield* this.gathering.departed;
    if (this.#inFlight !== undefined) yield* this.#inFlight.departed;
  }

  /** Whether a session of that record has anything that is not settled. */
  touches(recordId: string, session: Session | undefined): boolean {
    for (const batch of [this.gathering, this.#inFlight]) {
      if (batch === undefined) continue;
      if (batch.departed.has(recordId)) return true;
      if (session !== undefined && (batch.counted.has(session) || batch.records.has(session)))
        return true;
      if (batch.mail.some(({ recipient }) => recipient === recordId)) return true;
    }
    return false;
  }

  /** Whether a message of the session has been counted and is not settled. */
  counts(session: Session): boolean {
    return this.gathering.counted.has(session) || this.#inFlight?.counted.has(session) === true;
  }

  #commit(batch: TurnBatch): void {
    const { store, recordOf } = this.#options;
    const rooms = roomBatches(batch);
    const sessions: SessionUpdate[] = [];
    for (const session of batch.counted.keys()) {
      if (!batch.departed.has(session.identity.recordId)) sessions.push(recordOf(session));
    }
    for (const session of batch.records) {
      if (!batch.counted.has(session)) sessions.push(recordOf(session));
    }
    for (const departure of batch.departed.values()) {
      sessions.push(recordOf(departure.session, departure));
    }
    const stored = batch.mail.filter((item) => item.stored);
    const mail = stored.map(({ recipient, message }) => ({ session: recipient, message }));
    store.commit({ number: ++this.#number, rooms, mail, sessions }, (outcome) => {
      if (!outcome.done) return this.#settle(batch, { error: outcome.error });
      number(rooms, outcome.result.rooms);
      this.#settle(batch, { mail: outcome.result.mail });
    });
  }

  #settle(batch: TurnBatch, settlement: Settlement): void {
    if (this.#inFlight !== batch) throw new Error("A batch was settled out of turn");
    this.#inFlight = undefined;
    this.#settling = batch;
    this.#options.settled(batch, settlement);
    this.#settling = undefined;
    for (const then of batch.afterDelivery) then();
    if (this.#isDue && this.#inFlight === undefined) this.close();
  }
}

function roomBatches(batch: TurnBatch): RoomBatch[] {
  const rooms: RoomBatch[] = [];
  for (const { room, items } of batch.rooms.values()) {
    const runs: SaidRun[] = [];
    for (const { event } of items) if (event?.type === "said") runs.push(event);
    if (runs.length > 0) rooms.push({ room: room.name, runs });
  }
  return rooms;
}

/** Gives the runs of each room the numbers from `firsts` on. */
function number(rooms: readonly RoomBatch[], firsts: readonly number[]): void {
  if (firsts.length !== rooms.length)
    throw new Error("The log numbered other rooms than it was given");
  for (const [i, { runs }] of rooms.entries()) {
    let seq = firsts[i]!;
    for (const run of runs) {
      run.seq = seq;
      seq += run.length;
    }
  }
}
