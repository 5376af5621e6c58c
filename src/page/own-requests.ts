// The page's own requests, whose answers are not shown: each is awaited by its caller.

import type { SessionEvent, SessionRequest, SessionResponse } from "../client/events.ts";
import { harmless } from "../text.ts";

/** The server has refused the request, or the connection was lost before the answer. */
export class RefusedRequest extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type Open = {
  resolve: (response: SessionResponse) => void;
  reject: (refusal: RefusedRequest) => void;
};

export class OwnRequests {
  readonly #request: (request: SessionRequest) => number | undefined;
  readonly #open = new Map<number, Open>();

  /** `request` returns the request's number; undefined: offline. */
  constructor(request: (request: SessionRequest) => number | undefined) {
    this.#request = request;
  }

  /** @throws RefusedRequest */
  ask(request: SessionRequest): Promise<SessionResponse> {
    const ref = this.#request(request);
    if (ref === undefined) {
      return Promise.reject(offline());
    }
    const { promise, resolve, reject } = Promise.withResolvers<SessionResponse>();
    this.#open.set(ref, { resolve, reject });
    return promise;
  }

  /** The session is over. The next one numbers its requests from 1 again. */
  handleOver(): void {
    for (const { reject } of this.#open.values()) reject(offline());
    this.#open.clear();
  }

  /** Returns whether the event answers one of these requests. */
  handle(event: SessionEvent): boolean {
    if (event.type !== "response" && event.type !== "error") return false;
    const open = event.ref === undefined ? undefined : this.#open.get(event.ref);
    if (event.ref === undefined || open === undefined) return false;
    this.#open.delete(event.ref);
    if (event.type === "response") open.resolve(event.response);
    else open.reject(new RefusedRequest(event.code, harmless(event.message)));
    return true;
  }
}

function offline(): RefusedRequest {
  return new RefusedRequest("cannot-connect", "You are offline.");
}
