// The terminal client's pending requests: whether to show the response, and which page of a list it
// is. Knows no screen.

import type { NativeSession, SessionRequest, SessionResponse } from "../../client/events.ts";
import { terminal as limits } from "../../limits.ts";

/** How a request was made. `whois`: the answer is shown as a sentence instead of being compared. */
export type Asked = { isShown: boolean; page: number; isWhois?: boolean };

export class Requests {
  readonly #session: Pick<NativeSession, "request">;
  readonly #asked = new Map<number, Asked>();

  constructor(session: Pick<NativeSession, "request">) {
    this.#session = session;
  }

  /** Returns the request's `ref`; undefined while the server can't be reached. */
  send(request: SessionRequest, asked: Asked): number | undefined {
    const ref = this.#session.request(request);
    if (ref !== undefined) this.#asked.set(ref, asked);
    return ref;
  }

  /**
   * The request was answered or failed. Returns how it was made; undefined if it was not made here.
   */
  finish(ref: number): Asked | undefined {
    const asked = this.#asked.get(ref);
    this.#asked.delete(ref);
    return asked;
  }

  /** Requests the next page of a list, if there is one and the limit is not reached. */
  sendNext(response: SessionResponse, { isShown, page }: Asked): void {
    const next = nextPage(response);
    if (next === undefined || page >= (isShown ? limits.maxPages : limits.maxQuietPages)) return;
    this.send(next, { isShown, page: page + 1 });
  }
}

function nextPage(response: SessionResponse): SessionRequest | undefined {
  switch (response.type) {
    case "names": {
      const { room, next: after } = response;
      return after === undefined ? undefined : { type: "who", room, after };
    }
    case "rooms": {
      const { next: after } = response;
      return after === undefined ? undefined : { type: "rooms", after };
    }
    case "files": {
      const { next: after } = response;
      return after === undefined ? undefined : { type: "files", after, folders: true };
    }
    default:
      return undefined;
  }
}
