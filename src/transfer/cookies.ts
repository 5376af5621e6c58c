// Cookies: stateless proof that a client receives what is sent to the address that it writes in its datagrams.
// Pure: the keyed hash and the time are handed in. A cookie is good for one address, one port, one token, and a while.

import { transfer as limit } from "../limits.ts";

/** Keyed hash of `message` (HMAC-SHA-256 or better), at least 16 bytes. The key lives in the closure. */
export type KeyedHash = (message: Uint8Array) => Uint8Array;

export class CookieJar {
  constructor(private readonly keyedHash: KeyedHash) {}

  /** The cookie of an address now; it is accepted for one to two times limits.ts `cookieLifeUs`. */
  mint(nowUs: number, address: string, port: number, token: Uint8Array): Uint8Array {
    return this.forAge(Math.floor(nowUs / limit.cookieLifeUs), address, port, token);
  }

  /** True if `cookie` was minted for just this address, port and token, not too long ago. */
  check(
    nowUs: number,
    cookie: Uint8Array,
    address: string,
    port: number,
    token: Uint8Array,
  ): boolean {
    const age = Math.floor(nowUs / limit.cookieLifeUs);
    for (const candidate of [age, age - 1]) {
      if ((candidate & 0xff) !== cookie[0]) continue;
      if (equal(cookie, this.forAge(candidate, address, port, token))) return true;
    }
    return false;
  }

  private forAge(age: number, address: string, port: number, token: Uint8Array): Uint8Array {
    // Fields of fixed length first, so that no two different inputs give the same message.
    const message = new Uint8Array(limit.tokenBytes + 10 + address.length);
    message.set(token, 0);
    const view = new DataView(message.buffer);
    view.setFloat64(limit.tokenBytes, age);
    view.setUint16(limit.tokenBytes + 8, port);
    for (let i = 0; i < address.length; i++) {
      message[limit.tokenBytes + 10 + i] = address.charCodeAt(i) & 0xff;
    }
    const cookie = new Uint8Array(limit.cookieBytes);
    cookie[0] = age & 0xff;
    cookie.set(this.keyedHash(message).subarray(0, limit.cookieBytes - 1), 1);
    return cookie;
  }
}

/** Compares in constant time: how far a guess was right stays unknown. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
