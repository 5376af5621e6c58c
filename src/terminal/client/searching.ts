// `/search` at the prompt: queries the server until enough is found, and shows it. Knows no screen.

import { HistorySearch, type SearchRequest } from "../../client/history-search.ts";
import type { SessionEvent, SessionResponse } from "../../client/events.ts";
import { terminal as limits } from "../../limits.ts";
import { harmless, quoted } from "../../text.ts";
import type { Transcript } from "./transcript.ts";
import { countText } from "../output/units.ts";

export type SearchingParts = {
  transcript: Transcript;
  /** Sends a request. Returns its `ref`; undefined while the server can't be reached. */
  ask: (request: SearchRequest) => number | undefined;
  /** The user's own name. */
  self: () => string;
};

export class Searching {
  readonly #parts: SearchingParts;
  #search: HistorySearch | undefined;
  /** The ref of the open request; a later search replaces an earlier one. */
  #ref: number | undefined;

  constructor(parts: SearchingParts) {
    this.#parts = parts;
  }

  start(room: string, text: string): void {
    this.#search = new HistorySearch(room, text, limits.foundMessages);
    this.#askOn(this.#search);
  }

  /** Whether the response belongs to a search made here. */
  handleFound(ref: number, found: Extract<SessionResponse, { type: "found" }>): void {
    const search = this.#search;
    if (search === undefined || ref !== this.#ref) return;
    search.handle(found);
    this.#askOn(search);
  }

  handleEvent(event: SessionEvent): void {
    if (event.type === "error" && event.ref === this.#ref) this.#search = this.#ref = undefined;
    // The search may have found it.
    if (event.type === "deleted") this.#search?.handleDeleted(event);
  }

  #askOn(search: HistorySearch): void {
    const { request } = search;
    if (request === undefined) return this.#show(search);
    this.#ref = this.#parts.ask(request);
    if (this.#ref === undefined) this.#search = undefined;
  }

  #show({ room, text, found, isPart }: HistorySearch): void {
    this.#search = this.#ref = undefined;
    const { transcript, self } = this.#parts;
    if (found.length === 0) {
      return transcript.note(`Nothing found in ${harmless(room)} for ${quoted(text)}`);
    }
    transcript.rule(`${harmless(room)}: ${harmless(text)}`);
    for (const message of found) transcript.said(message, { mine: message.from === self() });
    const more = isPart ? "; there may be earlier ones" : "";
    transcript.rule(`${countText(found.length, "message")} found${more}`);
  }
}
