// Requests what the page shows of rooms: their members and history, and the list of the server's
// rooms; with them, what is known about a person. Needs no DOM.

import type { SessionEvent, SessionRequest, SessionResponse } from "../client/events.ts";
import { pageFiles as limits } from "../limits.ts";
import { directoryText, whoisText } from "./command-output.ts";
import { oldestSeq } from "./message-log.ts";
import { type Action, maxPeople, type State } from "./state.ts";

/** Messages per history request. */
const historyMessages = 200;
/** The list of rooms is refreshed when it is shown and older than this. */
const directoryMs = 1_000;
/** Maximum number of pages of the list of rooms. */
const maxDirectoryPages = 4;

export type RoomLoaderParts = {
  state: () => State;
  dispatch: (action: Action) => void;
  /** Returns the request's ref; undefined while offline. */
  request: (request: SessionRequest) => number | undefined;
  notice: (text: string) => void;
  /** A page of the room's history that was requested will not come. */
  historyFailed: (room: string) => void;
};

/** The kind of a pending request. */
type Pending =
  | { type: "people"; room: string; known: number }
  | { type: "whois" }
  | { type: "history"; room: string; before: number | undefined }
  | { type: "directory"; page: number; isShown: boolean };

export class RoomLoader {
  readonly #parts: RoomLoaderParts;
  readonly #pending = new Map<number, Pending & { request: SessionRequest }>();
  /** Rooms whose members have been requested on this connection … */
  readonly #listed = new Set<string>();
  /** … and whose history has been requested in this session. */
  readonly #recalled = new Set<string>();
  #directoryAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: RoomLoaderParts) {
    this.#parts = parts;
  }

  /** A new session begins. */
  handleStart(): void {
    this.#recalled.clear();
  }

  /** There is a new connection: members may have come and gone. */
  handleOnline(): void {
    this.#pending.clear();
    this.#listed.clear();
  }

  handleParted(room: string): void {
    this.#listed.delete(room);
    this.#recalled.delete(room);
  }

  /** Requests members and history of the current room, unless they have been requested. */
  loadShown(): void {
    const { shown } = this.#parts.state();
    if (shown === undefined) return;
    if (!this.#listed.has(shown)) this.#requestPeople(shown, 0);
    if (!this.#recalled.has(shown)) this.loadHistory(shown, undefined);
  }

  loadEarlier(): void {
    const { shown, log } = this.#parts.state();
    if (shown !== undefined) this.loadHistory(shown, oldestSeq(log, shown));
  }

  /** Requests the messages before `before`, or the last ones. False while offline. */
  loadHistory(room: string, before: number | undefined): boolean {
    const request: SessionRequest = { type: "history", room, limit: historyMessages };
    const ref = this.#request(before === undefined ? request : { ...request, before }, {
      type: "history",
      room,
      before,
    });
    if (ref) this.#recalled.add(room);
    return ref;
  }

  /**
   * Refreshes the list of the server's rooms. With `isShown` the result is also shown as a notice.
   */
  loadDirectory(isShown: boolean, nowMs: number): void {
    if (!isShown && nowMs - this.#directoryAtMs < directoryMs) return;
    if (this.#requestDirectory(1, isShown)) this.#directoryAtMs = nowMs;
  }

  /** Shows known facts about a user. False while offline. */
  whois(name: string): boolean {
    return this.#request({ type: "keys", name }, { type: "whois" });
  }

  /** Returns whether it goes on to the next page of the history. */
  handleResponse(ref: number, response: SessionResponse): boolean {
    const { state, dispatch, notice } = this.#parts;
    const pending = this.#pending.get(ref);
    this.#pending.delete(ref);
    if (response.type === "names" && pending?.type === "people") {
      const { room, names, total, next } = response;
      const { known } = pending;
      dispatch({ type: "people", room, names, total, isFirst: known === 0 });
      const listed = known + names.length;
      if (next !== undefined && listed < maxPeople) this.#requestPeople(room, listed, next);
    } else if (response.type === "keys" && pending?.type === "whois") {
      notice(whoisText(response, state()));
    } else if (response.type === "rooms" && pending?.type === "directory") {
      const { rooms, next } = response;
      const { page, isShown } = pending;
      dispatch({ type: "directory", rooms, isFirst: page === 1 });
      const isMore = next !== undefined && page < maxDirectoryPages;
      if (isMore && this.#requestDirectory(page + 1, isShown, next)) return false;
      if (isShown) notice(directoryText(state()));
    } else if (response.type === "history" && pending?.type === "history") {
      const { room, messages, oldest = Infinity } = response;
      // Ignored people have written all of it.
      const isHidden = messages.length === 0 && oldest < (pending.before ?? Infinity);
      return isHidden && this.loadHistory(room, oldest);
    }
    return false;
  }

  /**
   * Whether a request of its own will be repeated, so that the error is not shown: one that was
   * lost with the connection on the next one, one that came too soon a little later.
   */
  handleError({ ref, code }: SessionEvent & { type: "error" }): boolean {
    const pending = ref === undefined ? undefined : this.#pending.get(ref);
    if (ref === undefined || pending === undefined) return false;
    this.#pending.delete(ref);
    if (code === "rate") {
      setTimeout(() => this.#repeat(pending), limits.retryMs);
      return true;
    }
    const isLost = code === "cannot-connect";
    if (pending.type === "history") {
      if (isLost) this.#recalled.delete(pending.room);
      this.#parts.historyFailed(pending.room);
    }
    return isLost && pending.type !== "whois";
  }

  #repeat(pending: Pending & { request: SessionRequest }): void {
    const room = "room" in pending ? pending.room : undefined;
    const { rooms } = this.#parts.state();
    if (room !== undefined && !rooms.some(({ name }) => name === room)) return;
    if (!this.#request(pending.request, pending) && room !== undefined) this.#recalled.delete(room);
  }

  #requestPeople(room: string, known: number, after?: string): void {
    const request: SessionRequest = { type: "who", room, after };
    if (this.#request(request, { type: "people", room, known })) this.#listed.add(room);
  }

  #requestDirectory(page: number, isShown: boolean, after?: string): boolean {
    const request: SessionRequest = { type: "rooms", after };
    return this.#request(request, { type: "directory", page, isShown });
  }

  /** False while offline. */
  #request(request: SessionRequest, pending: Pending): boolean {
    const ref = this.#parts.request(request);
    if (ref !== undefined) this.#pending.set(ref, { ...pending, request });
    return ref !== undefined;
  }
}
