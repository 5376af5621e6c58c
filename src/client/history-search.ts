// Searches a room's history, request by request, until enough is found or the history is exhausted.
// Shared by terminal and page. Pure.

import { client as limits } from "../limits.ts";
import { fold } from "../chat/names/grammar.ts";
import type { PastMessage, SessionEvent, SessionRequest, SessionResponse } from "./events.ts";

export type SearchRequest = Extract<SessionRequest, { type: "search" }>;

export class HistorySearch {
  readonly room: string;
  readonly text: string;
  readonly #limit: number;
  #found: PastMessage[][] = [];
  #before: number | undefined;
  #requests = 0;
  #isDone = false;

  /** Finds at most `limit` messages. */
  constructor(room: string, text: string, limit: number) {
    this.room = room;
    this.text = text;
    this.#limit = limit;
  }

  /** The next request; undefined when the search is complete. */
  get request(): SearchRequest | undefined {
    if (this.#isDone) return undefined;
    const { room, text } = this;
    const limit = this.#limit - this.#count;
    return { type: "search", room, text, limit, ...(this.#before && { before: this.#before }) };
  }

  /** Oldest first. */
  get found(): readonly PastMessage[] {
    return this.#found.toReversed().flat();
  }

  /** Whether some earlier messages have not been searched. */
  get isPart(): boolean {
    return this.#before !== undefined;
  }

  get #count(): number {
    return this.#found.reduce((sum, { length }) => sum + length, 0);
  }

  /** What an operator deletes is no longer found. */
  handleDeleted({ room, seq }: Extract<SessionEvent, { type: "deleted" }>): void {
    if (fold(room) !== fold(this.room)) return;
    this.#found = this.#found.map((page) => page.filter((message) => message.seq !== seq));
  }

  handle({ messages, next }: Extract<SessionResponse, { type: "found" }>): void {
    this.#requests++;
    this.#found.push([...messages]);
    // Otherwise a server whose `next` does not go back would be queried forever.
    const goesBack = next !== undefined && next < (this.#before ?? Infinity);
    this.#before = goesBack ? next : undefined;
    const isEnough = this.#count >= this.#limit || this.#requests >= limits.searchRequests;
    this.#isDone = !goesBack || isEnough;
  }
}
