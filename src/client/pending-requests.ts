// Questions to the server that wait for their answers: numbered, bounded, given up when the connection is lost. Pure.

import { client as limits } from "../limits.ts";
import type { Question } from "./events.ts";

/** What comes of these is an event of its own, without their number. */
const unanswered: ReadonlySet<string> = new Set(["invite", "accept", "reject", "leave"]);

export class Questions {
  readonly #open = new Set<number>();
  #last = 0;

  /** A new number. */
  next(): number {
    return ++this.#last;
  }

  /** The number for a question; undefined: too many are open. */
  ask(question: Question): number | undefined {
    if (this.#open.size >= limits.openQuestions) return undefined;
    const ref = this.next();
    if (!unanswered.has(question.type)) this.#open.add(ref);
    return ref;
  }

  /** Whether this is the answer (or refusal) of an open question, which it then no longer is. */
  close(ref: number | undefined): boolean {
    return ref !== undefined && this.#open.delete(ref);
  }

  /** Gives up all that are open. */
  giveUp(): number[] {
    const refs = [...this.#open];
    this.#open.clear();
    return refs;
  }
}
