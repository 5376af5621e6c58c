// Who has recently given up a name, most recent last. Bounded. Pure.

import { people as limits } from "../../limits.ts";
import { fold } from "../names/grammar.ts";
import type { FormerPerson } from "./people-events.ts";

export class FormerPeople {
  #all: FormerPerson[] = [];

  note(person: FormerPerson): void {
    this.#all.push(person);
    // The list may grow to twice its size, so that trimming is cheap on average.
    if (this.#all.length >= 2 * limits.formerPeople) {
      this.#all = this.#all.slice(-limits.formerPeople);
    }
  }

  /** The most recent first, at most `limit`. */
  named(name: string, limit: number): readonly FormerPerson[] {
    const folded = fold(name);
    const found = this.#all.filter((person) => fold(person.name) === folded);
    return found.slice(-limit).reverse();
  }
}
