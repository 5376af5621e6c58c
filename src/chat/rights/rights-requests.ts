// The request that stores changed rights: there is one at a time. Pure.

/** `outdated`: the keys of rows that another server has changed meanwhile. */
export type Then = (problem: string | undefined, outdated: ReadonlySet<string>) => void;

export class RightsRequests {
  /** Callbacks waiting for the next request; undefined: none is in flight. */
  #waiting: Then[] | undefined;
  /** The last request has failed: its changes are yet to be stored. */
  hasFailed = false;

  /** True: another request is in flight, and `then` is called for the next one. */
  mustWait(then: Then): boolean {
    if (this.#waiting !== undefined) this.#waiting.push(then);
    return this.#waiting !== undefined;
  }

  sent(): void {
    this.#waiting = [];
  }

  /** Returns who waited for the answer. */
  answered(): readonly Then[] {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    return waiting;
  }
}
