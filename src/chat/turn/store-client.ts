// The hub's side of the store protocol: pending requests and their outcomes. A request with an
// unknown outcome is repeated until the outcome is known. Knows no store.

import type { ParleyError } from "../../errors.ts";
import { sender } from "../../limits.ts";
import type {
  Account,
  AccountChange,
  AccountLookup,
  AccountOutcome,
} from "../accounts/account-store.ts";
import type { PrivateMessage, Said } from "../events.ts";
import type { ForeignPerson } from "../elsewhere/foreign-person.ts";
import type { SharedCharge } from "../rates/shared-charges.ts";
import type { RightsChange } from "../rights/rights-rows.ts";
import type {
  Batch,
  Committed,
  MailCount,
  MailEntry,
  NameClaim,
  NameClaimed,
  Overview,
  PersonAtServer,
  RoomBounds,
  SessionRecord,
  StoreOperation,
  StoreReply,
  StoreRequest,
} from "./store.ts";

/** The outcome of a request. */
export type Outcome<T> = { done: true; result: T } | { done: false; error: ParleyError };

type Open = {
  id: number;
  settle: (reply: SettledReply) => void;
  /** The request to repeat if the outcome is unknown. */
  again: () => StoreRequest;
};
type SettledReply = Exclude<StoreReply, { outcome: "unknown" }>;
type DoneReply = Extract<StoreReply, { outcome: "done" }>;

export class StoreClient {
  #nextId = 1;
  #unsent: StoreRequest[] = [];
  /**
   * By ID, oldest first. Not a Map: every table that a Map outgrows refers to the next one, so
   * everything that passed through it stays in memory until a full collection, here whole batches
   * of messages.
   */
  readonly #open: Open[] = [];
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
    open.settle(reply);
  }

  commit(batch: Batch, then: (outcome: Outcome<Committed>) => void): void {
    this.#request({ type: "commit", batch }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "commit" ? done : undefined))),
    );
  }

  bounds(room: string, then: (outcome: Outcome<RoomBounds>) => void): void {
    this.#request({ type: "room-bounds", room }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "room-bounds" ? done : undefined))),
    );
  }

  /** Messages after `after`, or the newest before `before`. */
  readRoom(
    room: string,
    where: { after: number } | { before: number },
    limit: number,
    then: (outcome: Outcome<readonly Said[]>) => void,
  ): void {
    this.#request({ type: "read-room", room, limit, ...where }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "read-room" ? done : undefined))),
    );
  }

  readMail(
    session: string,
    after: number,
    limit: number,
    then: (outcome: Outcome<readonly PrivateMessage[]>) => void,
  ): void {
    this.#request({ type: "read-mail", session, after, limit }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "read-mail" ? done : undefined))),
    );
  }

  /** Those of these messages that are still kept, in any order. */
  pickMail(
    session: string,
    numbers: readonly number[],
    then: (outcome: Outcome<readonly PrivateMessage[]>) => void,
  ): void {
    this.#request({ type: "read-mail", session, numbers }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "read-mail" ? done : undefined))),
    );
  }

  listMail(session: string, then: (outcome: Outcome<readonly MailEntry[]>) => void): void {
    this.#request({ type: "list-mail", session }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "list-mail" ? done : undefined))),
    );
  }

  countMail(session: string, after: number, then: (outcome: Outcome<MailCount>) => void): void {
    this.#request({ type: "count-mail", session, after }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "count-mail" ? done : undefined))),
    );
  }

  loadSession(session: string, then: (outcome: Outcome<SessionRecord | undefined>) => void): void {
    this.#request({ type: "load-session", session }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "load-session" ? done : undefined))),
    );
  }

  findName(
    name: string,
    sinceMs: number,
    then: (outcome: Outcome<SessionRecord | undefined>) => void,
  ): void {
    this.#request({ type: "find-name", name, sinceMs }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "find-name" ? done : undefined))),
    );
  }

  /**
   * `session`: the record that is claimed along with the name, if any. A claim with an unknown
   * outcome that is no longer wanted is not carried out late.
   */
  claimName(
    claim: NameClaim,
    session: string | undefined,
    isWanted: () => boolean,
    then: (outcome: Outcome<NameClaimed>) => void,
  ): void {
    const operation = { type: "claim-name", claim, session } as const;
    this.#request(
      operation,
      (reply) => then(outcomeOf(reply, (done) => (done.type === "claim-name" ? done : undefined))),
      () => ({ ...operation, isWithdrawn: !isWanted() }),
    );
  }

  findClaimant(name: string, then: (outcome: Outcome<string | undefined>) => void): void {
    this.#request({ type: "find-claimant", name }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "find-claimant" ? done : undefined))),
    );
  }

  findElsewhere(
    names: readonly string[],
    then: (outcome: Outcome<readonly ForeignPerson[]>) => void,
  ): void {
    this.#request({ type: "find-elsewhere", names }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "find-elsewhere" ? done : undefined))),
    );
  }

  listElsewhere(limit: number, then: (outcome: Outcome<readonly PersonAtServer[]>) => void): void {
    this.#request({ type: "list-elsewhere", limit }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "list-elsewhere" ? done : undefined))),
    );
  }

  overview(then: (outcome: Outcome<Overview>) => void): void {
    this.#request({ type: "overview" }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "overview" ? done : undefined))),
    );
  }

  eraseMessage(room: string, seq: number, then: (outcome: Outcome<boolean>) => void): void {
    this.#request({ type: "erase-message", room, seq }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "erase-message" ? done : undefined))),
    );
  }

  changeRights(
    changes: readonly RightsChange[],
    then: (outcome: Outcome<undefined>) => void,
  ): void {
    this.#request({ type: "change-rights", changes }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "change-rights" ? done : undefined))),
    );
  }

  findAccount(lookup: AccountLookup, then: (outcome: Outcome<Account | undefined>) => void): void {
    this.#request({ type: "find-account", lookup }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "find-account" ? done : undefined))),
    );
  }

  changeAccount(change: AccountChange, then: (outcome: Outcome<AccountOutcome>) => void): void {
    this.#request({ type: "change-account", change }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "change-account" ? done : undefined))),
    );
  }

  putCode(
    code: { hash: string; account: string; ttlMs: number },
    then: (outcome: Outcome<undefined>) => void,
  ): void {
    this.#request({ type: "put-code", ...code }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "put-code" ? done : undefined))),
    );
  }

  /** `then`: they were told, or never will be. */
  tellCharges(charges: readonly SharedCharge[], then: () => void): void {
    this.#request({ type: "tell-charges", charges }, then);
  }

  takeCode(hash: string, then: (outcome: Outcome<string | undefined>) => void): void {
    this.#request({ type: "take-code", hash }, (reply) =>
      then(outcomeOf(reply, (done) => (done.type === "take-code" ? done : undefined))),
    );
  }

  #request(
    operation: StoreOperation,
    settle: (reply: SettledReply) => void,
    repeated: () => StoreOperation = () => operation,
  ): void {
    const id = this.#nextId++;
    const request = { ...operation, id };
    this.#open.push({ id, settle, again: () => ({ ...repeated(), id }) });
    this.#unsent.push(request);
  }
}

/** `narrow` returns the reply if it is of the expected kind. */
function outcomeOf<R extends DoneReply>(
  reply: SettledReply,
  narrow: (done: DoneReply) => R | undefined,
): Outcome<R["result"]> {
  if (reply.outcome === "failed") return { done: false, error: reply.error };
  const done = narrow(reply);
  if (done === undefined) throw new Error(`The store answered '${reply.type}' to another request`);
  return { done: true, result: done.result };
}
