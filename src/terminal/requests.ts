// The terminal client's open requests: whether the response is to be shown, and the pages that
// follow the first. Knows no screen.

import type { NativeSession, SessionRequest, SessionResponse } from "../client/events.ts";
import { terminal as limits } from "../limits.ts";

/** How a request was made. */
export type Asked = { isShown: boolean; page: number };

export class Requests {
  readonly #session: Pick<NativeSession, "request">;
  readonly #asked = new Map<number, Asked>();

  constructor(session: Pick<NativeSession, "request">) {
    this.#session = session;
  }

  /** Returns the request's number; undefined if the server can't be asked now. */
  send(request: SessionRequest, asked: Asked): number | undefined {
    const ref = this.#session.request(request);
    if (ref !== undefined) this.#asked.set(ref, asked);
    return ref;
  }

  /**
   * The request has been answered or has failed. Returns how it was made; undefined if it was not
   * made here.
   */
  finish(ref: number): Asked | undefined {
    const asked = this.#asked.get(ref);
    this.#asked.delete(ref);
    return asked;
  }

  /** Requests the next page of a list, if there is one and not too many have come already. */
  sendNext(response: SessionResponse, { isShown, page }: Asked): void {
    const next = nextPage(response);
    if (next === undefined || page >= (isShown ? limits.maxPages : limits.maxQuietPages)) return;
    this.send(next, { isShown, page: page + 1 });
  }
}

function nextPage(response: SessionResponse): SessionRequest | undefined {
  if (!("next" in response) || response.next === undefined) return undefined;
  const after = response.next;
  switch (response.type) {
    case "names":
      return { type: "who", room: response.room, after };
    case "rooms":
    case "files":
      return { type: response.type, after };
  }
}
