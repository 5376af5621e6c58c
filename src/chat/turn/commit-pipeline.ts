// Write-ahead: a batch is delivered only after the store has committed it. One batch is in flight
// at a time while the next one is gathered. Decides when a batch is sent to the store; delivery.ts
// decides which sessions receive it.

import type { ParleyError } from "../../errors.ts";
import type { PresenceEvent } from "../events.ts";
import type { DirectoryEntry } from "../elsewhere/foreign-person.ts";
import type { Committed, RoomBatch, SessionUpdate } from "./store.ts";
import type { StoreClient } from "./store-client.ts";
import { type Departure, TurnBatch } from "./turn-batch.ts";
import type { Room } from "../rooms/room.ts";
import type { SaidRun } from "../rooms/said-run.ts";
import type { Session } from "../session.ts";

/**
 * The outcome of a batch: the numbers of its stored private messages, or why it was not committed.
 */
export type Settlement = { mail: readonly number[] } | { error: ParleyError };

export type PipelineOptions = {
  store: StoreClient;
  /** A session's record in its current state, or in its state at departure. */
  recordOf: (session: Session, departure?: Departure) => SessionUpdate;
  /** The holder of a folded name on this server, as shown to other servers. */
  entryOf: (folded: string) => DirectoryEntry | undefined;
  /** Called when a batch is settled, to deliver or withdraw it. */
  settled: (batch: TurnBatch, settlement: Settlement) => void;
  /** Called after that, when everything that waited for it has run. */
  delivered: (batch: TurnBatch) => void;
};

export class CommitPipeline {
  /** The batch that collects the current turn. */
  gathering = new TurnBatch();
  #inFlight: TurnBatch | undefined;
  #settling: TurnBatch | undefined;
  #number = 0;
  /**
   * The gathering batch is complete, and is sent to the store once the batch in flight is settled.
   */
  #isDue = false;
  #order = 0;
  readonly #options: PipelineOptions;

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /** The next position in the order of all events. */
  nextOrder(): number {
    return ++this.#order;
  }

  get inFlight(): TurnBatch | undefined {
    return this.#inFlight;
  }

  /** The batch being delivered, during its delivery. */
  get settling(): TurnBatch | undefined {
    return this.#settling;
  }

  /** Whether nothing waits for the store. */
  get isSettled(): boolean {
    return this.#inFlight === undefined && this.gathering.isEmpty;
  }

  /**
   * Ends the turn: sends the gathered batch to the store, or queues it behind the batch in flight.
   */
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

  /** Runs `then` once everything so far is settled; immediately if it already is. */
  whenSettled(then: () => void): void {
    if (this.isSettled) return then();
    if (this.gathering.isEmpty && this.#inFlight !== undefined) {
      this.#inFlight.afterDelivery.push(then);
      return;
    }
    this.gathering.afterDelivery.push(then);
    this.close();
  }

  /** Departures that the store may not know yet, the most recent batch first. */
  *departures(): Iterable<readonly [id: string, departure: Departure]> {
    yield* this.gathering.departed;
    if (this.#inFlight !== undefined) yield* this.#inFlight.departed;
  }

  /** Whether anything that belongs to this record is unsettled. */
  hasPending(recordId: string, session: Session | undefined): boolean {
    if (this.isIncomplete(recordId)) return true;
    for (const batch of [this.gathering, this.#inFlight]) {
      if (batch === undefined) continue;
      if (batch.departed.has(recordId)) return true;
      if (session !== undefined && (batch.counted.has(session) || batch.records.has(session)))
        return true;
      if (batch.mail.some(({ recipient }) => recipient === recordId)) return true;
    }
    return false;
  }

  /** Whether that mailbox is still to get the messages of the one it continues. */
  isIncomplete(mailbox: string): boolean {
    return [this.#inFlight, this.gathering].some((batch) =>
      batch?.mailboxes.some(({ id }) => id === mailbox),
    );
  }

  /** Whether another server's event must come after what the room is still to hear. */
  precedes(room: Room, event: PresenceEvent): boolean {
    return [this.#inFlight, this.gathering].some((batch) => batch?.precedes(room, event));
  }

  /** Withdraws everything that waits for the session alone. */
  forget(session: Session): void {
    this.gathering.forget(session);
    this.#inFlight?.forget(session);
  }

  /** Whether an answer to the session waits until a batch is settled. */
  isAwaitedBy(session: Session): boolean {
    return this.gathering.isAwaitedBy(session) || this.#inFlight?.isAwaitedBy(session) === true;
  }

  /** Whether something of the session, or for it, is unsettled. */
  concerns(session: Session): boolean {
    return this.gathering.concerns(session) || this.#inFlight?.concerns(session) === true;
  }

  /** Whether a counted message of the session is unsettled. */
  hasPendingCount(session: Session): boolean {
    return this.gathering.counted.has(session) || this.#inFlight?.counted.has(session) === true;
  }

  #commit(batch: TurnBatch): void {
    const { store, recordOf, entryOf } = this.#options;
    const rooms = roomBatches(batch);
    const sessions: SessionUpdate[] = [...batch.mailboxes];
    for (const session of batch.counted.keys()) {
      const { recordId } = session.identity;
      // A program that says one thing by an access token counts it, but has no record.
      if (recordId !== "" && !batch.departed.has(recordId)) sessions.push(recordOf(session));
    }
    for (const session of batch.records) {
      if (!batch.counted.has(session)) sessions.push(recordOf(session));
    }
    for (const departure of batch.departed.values()) {
      sessions.push(recordOf(departure.session, departure));
    }
    const stored = batch.mail.filter((item) => item.stored);
    const mail = stored.map(({ recipient, network, message, other, isCopy }) => {
      return { session: recipient, network, message, other, isCopy };
    });
    const presence = Array.from(batch.presence, ([{ name: room }, changes]) => ({ room, changes }));
    const { released, signals } = batch;
    const people = Array.from(batch.people, (folded) => ({ folded, entry: entryOf(folded) }));
    const shared = { presence, released, people, signals };
    const work = { number: ++this.#number, rooms, mail, sessions, ...shared };
    store.ask({ type: "commit", batch: work }, (outcome) => {
      if (!outcome.done) return this.#settle(batch, { error: outcome.error });
      number(rooms, outcome.result.rooms);
      noteVersions(batch, outcome.result.presence ?? []);
      settleOpenings(batch, outcome.result);
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
    this.#options.delivered(batch);
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

/** Changes beyond this server's own were made by other servers. */
function noteVersions({ presence }: TurnBatch, versions: readonly number[]): void {
  for (const [i, { elsewhere }] of [...presence.keys()].entries()) {
    const version = versions[i];
    if (elsewhere !== undefined && version === elsewhere.version + 1) elsewhere.version = version;
  }
}

function settleOpenings(
  { presence }: TurnBatch,
  { late = [], presence: versions = [] }: Pick<Committed, "late" | "presence">,
): void {
  for (const [i, [room, changes]] of [...presence].entries()) {
    for (const { folded, opens } of changes) {
      if (opens !== true) continue;
      const isLate = late.some((one) => one.room === room.name && one.folded === folded);
      room.settleOpening(folded, !isLate, versions[i] ?? 0);
    }
  }
}

/** Numbers the runs of each room, starting at `firsts`. */
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
