// Asks the server which keys belong to a name, and matches its answers to the questions. Pure.

import { fold } from "../chat/names/grammar.ts";
import { areKeys } from "../trust/known-keys.ts";
import type { NativeSession, SessionEvent, SessionResponse } from "./events.ts";

type Keys = Extract<SessionResponse, { type: "keys" }>;
export type KeysAnswer = Keys | { type: "error"; code: string; message: string };

export class KeyLookup {
  readonly #session: Pick<NativeSession, "online" | "request">;
  readonly #applyOutputs: () => void;
  /** By the request's `ref`. */
  readonly #open = new Map<number, (answer: KeysAnswer) => void>();

  constructor(session: Pick<NativeSession, "online" | "request">, applyOutputs: () => void) {
    this.#session = session;
    this.#applyOutputs = applyOutputs;
  }

  /** The server's answer; undefined if the connection was lost. */
  async ask(name: string): Promise<KeysAnswer | undefined> {
    const ref = this.#session.request({ type: "keys", name });
    if (ref === undefined) {
      if (!this.#session.online) return undefined;
      return { type: "error", code: "rate", message: "too many requests are open: try again" };
    }
    const { promise, resolve } = Promise.withResolvers<KeysAnswer>();
    this.#open.set(ref, resolve);
    this.#applyOutputs();
    const answer = await promise;
    return answer.type === "error" && answer.code === "cannot-connect" ? undefined : answer;
  }

  /** Whether the event answers one of the questions. */
  handleEvent(event: SessionEvent): boolean {
    if (event.type === "response") {
      const { ref, response } = event;
      return response.type === "keys" && this.#answer(ref, response);
    }
    if (event.type !== "error" || event.ref === undefined) return false;
    const { ref, type, code, message } = event;
    return this.#answer(ref, { type, code, message });
  }

  #answer(ref: number, answer: KeysAnswer): boolean {
    const resolve = this.#open.get(ref);
    this.#open.delete(ref);
    resolve?.(answer);
    return resolve !== undefined;
  }
}

/**
 * The keys that the server gives for `name`, none if it is not registered; undefined: they are
 * invalid, or another name's.
 */
export function keysIn(answer: Keys, name: string): readonly string[] | undefined {
  if (fold(answer.name) !== fold(name)) return undefined;
  const keys = answer.registered ? [...new Set(answer.keys)] : [];
  return keys.length === 0 || areKeys(keys) ? keys : undefined;
}
