// One end's side of a relay: joins by its token, and again from time to time, so that routers on
// the path keep the mapping that the relay knows. Also learns its own external address. Pure.

import { paths as limits } from "../../limits.ts";
import { readCookie, readGone, wireTime } from "../wire.ts";
import { noCookie, readJoined, writeJoin } from "./path-wire.ts";

export class RelayClient {
  /** The external address of this end's datagrams, as seen by the server. */
  seen: { readonly address: string; readonly port: number } | undefined;
  /** Whether the relay knows this end's address; the other end may not have joined yet. */
  isJoined = false;
  readonly #token: Uint8Array;
  #cookie: Uint8Array = noCookie;
  /** Joins since the last answer. */
  #tries = 0;
  #dueUs = 0;

  /** `token`: 16 bytes. */
  constructor(token: Uint8Array) {
    this.#token = token;
  }

  /** Handles a datagram from the server; false: it does not concern this end of the relay. */
  handle(bytes: Uint8Array, at: number, end: number, nowUs: number): boolean {
    const cookie = readCookie(bytes, at, end);
    if (cookie !== undefined) {
      if (!this.#isOwn(cookie.token)) return false;
      this.#cookie = cookie.cookie;
      this.seen = { address: cookie.address, port: cookie.port };
      this.#dueUs = nowUs;
      return true;
    }
    const joined = readJoined(bytes, at, end);
    if (joined !== undefined && this.#isOwn(joined.token)) {
      this.isJoined = true;
      this.#tries = 0;
      const waitUs = joined.isWhole ? limits.joinAgainUs : limits.lastJoinUs;
      this.#dueUs = nowUs + waitUs;
      return true;
    }
    const gone = readGone(bytes, at, end);
    if (gone === undefined || !this.#isOwn(gone.token)) return false;
    this.isJoined = false;
    this.#dueUs = Infinity;
    return true;
  }

  /** Writes the next JOIN; returns its length, or 0 if none is due. */
  pollTransmit(into: Uint8Array, nowUs: number): number {
    if (nowUs < this.#dueUs) return 0;
    const doubled = limits.firstJoinUs * 2 ** Math.min(this.#tries++, 16);
    this.#dueUs = nowUs + Math.min(doubled, limits.lastJoinUs);
    return writeJoin(into, { token: this.#token, cookie: this.#cookie, timeUs: wireTime(nowUs) });
  }

  /** When to call `pollTransmit` again, in µs; Infinity: never. */
  get nextTimeoutUs(): number {
    return this.#dueUs;
  }

  #isOwn(token: Uint8Array): boolean {
    return token.every((byte, i) => byte === this.#token[i]);
  }
}
