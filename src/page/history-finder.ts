// Finds messages in the history of the current room: searches for words, and loads the messages
// between now and a found one, so that it can be shown in its context. Needs no DOM.

import type { SessionEvent, SessionRequest, SessionResponse } from "../client/events.ts";
import { HistorySearch } from "../client/history-search.ts";
import { keyOf, oldestSeq } from "./message-log.ts";
import type { Action, State } from "./state.ts";

/** Maximum number of messages shown by a search. */
const maxFound = 50;
/** Maximum number of history pages loaded to reach a message: 4 000 messages. */
const maxPages = 20;

export type FinderParts = {
  state: () => State;
  dispatch: (action: Action) => void;
  /** Undefined while offline. */
  request: (request: SessionRequest) => number | undefined;
  /** Loads the messages before `before`; `finder.handleHistory` follows. False while offline. */
  loadHistory: (room: string, before: number | undefined) => boolean;
  /** Shows the room. */
  show: (room: string) => void;
  notice: (text: string) => void;
};

const offline = "You are offline. Try again once you are connected.";

export class HistoryFinder {
  readonly #parts: FinderParts;
  #search: HistorySearch | undefined;
  /** The `ref` of the open request. */
  #ref: number | undefined;
  #wanted: { room: string; seq: number; pages: number } | undefined;

  constructor(parts: FinderParts) {
    this.#parts = parts;
  }

  /** Searches the current room; without words, only opens the dialog. */
  search(text: string): void {
    const { state, dispatch, notice } = this.#parts;
    const { shown } = state();
    if (shown === undefined) return notice("You are not in a room.");
    const phase = text === "" ? "new" : "asking";
    const search = { room: shown, text, phase, found: [], isPart: false, problem: "" } as const;
    dispatch({ type: "search", search });
    this.#search = text === "" ? undefined : new HistorySearch(shown, text, maxFound);
    if (this.#search !== undefined) this.#searchOn(this.#search);
  }

  /** Shows a message of a room in its context. */
  goTo(room: string, seq: number): void {
    this.#parts.dispatch({ type: "search", search: undefined });
    this.#parts.show(room);
    this.#wanted = { room, seq, pages: 0 };
    this.#approach();
  }

  /** Whether the response belongs to a search. */
  handleResponse(ref: number, response: SessionResponse): boolean {
    if (response.type !== "found") return false;
    // The user may have begun another search.
    if (ref !== this.#ref || this.#search === undefined) return true;
    this.#search.handle(response);
    this.#searchOn(this.#search);
    return true;
  }

  /** An operator has deleted a text, which a search that goes on may have found. */
  handleDeleted(event: Extract<SessionEvent, { type: "deleted" }>): void {
    this.#search?.handleDeleted(event);
  }

  /** Whether the error belongs to a search. */
  handleError({ ref, message }: Extract<SessionEvent, { type: "error" }>): boolean {
    if (ref === undefined || ref !== this.#ref) return false;
    this.#search = this.#ref = undefined;
    this.#parts.dispatch({ type: "search-problem", problem: message });
    return true;
  }

  /** A page of the room's history has arrived. */
  handleHistory(room: string): void {
    if (this.#wanted?.room === room) this.#approach();
  }

  /** A page of the room's history will not come. */
  handleFailed(room: string): void {
    if (this.#wanted?.room === room) this.#wanted = undefined;
  }

  /** A new session begins, whose requests are numbered from 1 again. */
  handleStart(): void {
    this.#search = this.#ref = this.#wanted = undefined;
  }

  #searchOn(search: HistorySearch): void {
    const { dispatch, request: ask } = this.#parts;
    const { request, found, isPart } = search;
    dispatch({ type: "found", found, isPart, isDone: request === undefined });
    this.#ref = request === undefined ? undefined : ask(request);
    if (request !== undefined && this.#ref === undefined) {
      dispatch({ type: "search-problem", problem: offline });
    }
  }

  #approach(): void {
    const { state, dispatch, loadHistory, notice } = this.#parts;
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    const { room, seq } = wanted;
    const { log } = state();
    const key = keyOf(log, room, seq);
    const oldest = oldestSeq(log, room);
    if (key === undefined && (oldest === undefined || oldest > seq) && wanted.pages < maxPages) {
      wanted.pages++;
      if (loadHistory(room, oldest)) return;
      notice(offline);
    } else if (key === undefined) {
      notice("That message is too far back to be shown here.");
    } else dispatch({ type: "reveal", key });
    this.#wanted = undefined;
  }
}
