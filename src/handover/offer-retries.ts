// The request that makes an offer, for the client and the page: made again after every lost
// connection, after errors that pass, and at the server where the recipient is.

import type { SessionEvent } from "../client/events.ts";
import { offers as limits } from "../limits.ts";

/** An error of the server, which may be about an offer. */
export type ServerError = Extract<SessionEvent, { type: "error" }>;

export interface OfferRetriesOptions {
  readonly offer: string;
  /** Errors that pass by themselves. */
  readonly passing: readonly string[];
  /** Makes the offer, or repeats it. */
  make(): void;
  /** Whether moving to another server disturbs no other transfer. */
  mayMove(): boolean;
  /** Goes on at that server, where offers are made again; false: it can't. */
  moveTo(server: string): boolean;
  /** The recipient is at another server, and other files come first. */
  onPostponed(): void;
}

export class OfferRetries {
  readonly #options: OfferRetriesOptions;
  /** The `ref` of the last request. */
  #ref: number | undefined;
  #isHere: boolean | undefined;
  /** How many times it has followed the recipient to another server. */
  #moves = 0;
  /** Until it is made again. */
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(options: OfferRetriesOptions) {
    this.#options = options;
  }

  /** `ref`: of the request; undefined: offline. */
  made(ref: number | undefined): void {
    this.#ref = ref;
  }

  /** Whether the recipient can accept, or has accepted, or the server is receiving. */
  get isUnderWay(): boolean {
    return this.#isHere === true;
  }

  /** The server's answer: whether the recipient can accept. Returns whether that is new. */
  handleAnswer(isHere: boolean): boolean {
    const isNew = isHere !== this.#isHere;
    this.#isHere = isHere;
    return isNew;
  }

  /** Whether the error is about something else, about the offer for now, or its end. */
  handleError({ code, ref, subject, at }: ServerError): "other" | "passing" | "end" {
    // The recipient has gone elsewhere later.
    const isLater = code === "elsewhere" && subject === this.#options.offer;
    if (!isLater && (ref === undefined || ref !== this.#ref)) return "other";
    if (code === "elsewhere" && at !== undefined) return this.#follow(at);
    // A request that was open when the connection was lost is repeated.
    if (code === "cannot-connect") return "passing";
    if (!this.#options.passing.includes(code)) return "end";
    this.#makeSoon();
    return "passing";
  }

  close(): void {
    clearTimeout(this.#again);
  }

  #follow(server: string): "passing" | "end" {
    this.#isHere = undefined;
    if (this.#options.mayMove()) {
      return this.#moves++ < limits.maxMoves && this.#options.moveTo(server) ? "passing" : "end";
    }
    this.#options.onPostponed();
    this.#makeSoon();
    return "passing";
  }

  #makeSoon(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#options.make(), limits.offerAgainMs);
  }
}
