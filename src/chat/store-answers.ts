// Several questions to the store for one command: when all are answered, one thing follows. Meanwhile the commands that the
// session sends after it wait, so that they happen in the order in which they came.

import type { ParleyError } from "../errors.ts";
import type { HubState } from "./hub-state.ts";
import type { Session } from "./session.ts";
import type { Outcome } from "./store-client.ts";

export class StoreAnswers {
  #open = 0;
  #error: ParleyError | undefined;
  #then: ((error: ParleyError | undefined) => void) | undefined;

  constructor(
    private readonly chat: HubState,
    private readonly session: Session,
  ) {}

  /** Asks one question; `keep` gets what was answered. */
  ask<T>(question: (then: (outcome: Outcome<T>) => void) => void, keep: (result: T) => void): void {
    this.#open++;
    question((outcome) => {
      if (outcome.done) keep(outcome.result);
      else this.#error ??= outcome.error;
      this.#open--;
      this.#finish();
    });
  }

  /** Runs `then` when all questions are answered, with the first error; not if the session is over by then, unless `always`. */
  whenAnswered(then: (error: ParleyError | undefined) => void, always = false): void {
    const { chat, session } = this;
    if (this.#open === 0) return then(this.#error);
    session.queue.block();
    this.#then = (error) => {
      session.queue.unblock();
      chat.schedule.unblocked.add(session);
      const isOver = session.phase === "ending" || session.phase === "gone";
      if (always || !isOver) then(error);
    };
  }

  #finish(): void {
    if (this.#open > 0 || this.#then === undefined) return;
    const then = this.#then;
    this.#then = undefined;
    then(this.#error);
  }
}
