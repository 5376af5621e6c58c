// Requests of the page itself, whose answers nobody is shown: each is awaited where it is made.

import type { SessionEvent, SessionRequest, SessionResponse } from "../client/events.ts";
import { harmless } from "../text.ts";

/** The server has refused it, or the connection was lost before it answered. */
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
      return Promise.reject(new RefusedRequest("cannot-connect", "You are offline."));
    }
    const { promise, resolve, reject } = Promise.withResolvers<SessionResponse>();
    this.#open.set(ref, { resolve, reject });
    return promise;
  }

  /** Whether the event is an answer to one of these. */
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
