// Collects the store's answers to several queries of one command. Until all have arrived, later
// commands of the session wait, so that commands take effect in order.

import type { ParleyError } from "../../errors.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import type { StoreOperation, StoreResults } from "./store.ts";
import type { Outcome } from "./store-client.ts";

/** Whether a session that has ended meanwhile still gets its answer. */
type When = "unless-ended" | "even-if-ended";

export class StoreQueries {
  #open = 0;
  #error: ParleyError | undefined;
  #then: ((error: ParleyError | undefined) => void) | undefined;

  constructor(
    private readonly hub: HubState,
    private readonly session: Session,
  ) {}

  /** Sends one query; `keep` receives the result. */
  ask<K extends keyof StoreResults>(
    operation: StoreOperation & { type: K },
    keep: (result: StoreResults[K]) => void,
  ): void {
    this.add((then) => this.hub.store.ask<K>(operation, then), keep);
  }

  /** The same, however the query is sent. */
  add<T>(query: (then: (outcome: Outcome<T>) => void) => void, keep: (result: T) => void): void {
    this.#open++;
    query((outcome) => {
      if (outcome.done) keep(outcome.result);
      else this.#error ??= outcome.error;
      this.#open--;
      this.#finish();
    });
  }

  /** Runs `then` once all queries are answered, with the first error. */
  whenAnswered(then: (error: ParleyError | undefined) => void, when: When = "unless-ended"): void {
    const { hub, session } = this;
    if (this.#open === 0) return then(this.#error);
    session.queue.block();
    this.#then = (error) => {
      hub.unblock(session);
      if (when === "even-if-ended" || !session.hasEnded) then(error);
    };
  }

  #finish(): void {
    if (this.#open > 0 || this.#then === undefined) return;
    const then = this.#then;
    this.#then = undefined;
    then(this.#error);
  }
}

/** Asks one thing. Until `then` is called, later commands of the session wait. */
export function askStore<K extends keyof StoreResults>(
  hub: HubState,
  session: Session,
  operation: StoreOperation & { type: K },
  then: (outcome: Outcome<StoreResults[K]>) => void,
  when: When = "unless-ended",
): void {
  let outcome: Outcome<StoreResults[K]> | undefined;
  const queries = new StoreQueries(hub, session);
  queries.add(
    (answered: (outcome: Outcome<StoreResults[K]>) => void) =>
      hub.store.ask<K>(operation, (found) => {
        outcome = found;
        answered(found);
      }),
    () => {},
  );
  queries.whenAnswered(() => {
    if (outcome !== undefined) then(outcome);
  }, when);
}
