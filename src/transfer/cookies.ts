// Cookies: stateless address validation. A valid cookie proves that a client receives what is sent
// to the source address of its datagrams. It is bound to one path, one token and a limited time.
// Pure: the keyed hash and the time are parameters.

import { transfer as limit, udpTransfer as udp } from "../limits.ts";
import type { UdpPath } from "./udp-path.ts";

/** The key of a map for a transfer's token; empty for anything else. */
export function keyOf(token: Uint8Array): string {
  return token.length === limit.tokenBytes ? String.fromCharCode(...token) : "";
}

/** HMAC-SHA-256 of `message`, or better; at least 16 bytes. The closure holds the key. */
export type KeyedHash = (message: Uint8Array) => Uint8Array;

export class CookieJar {
  constructor(private readonly keyedHash: KeyedHash) {}

  /** The cookie for a path and token, valid for one to two times limits.ts `cookieLifeUs`. */
  mint(path: UdpPath, token: Uint8Array, nowUs: number): Uint8Array {
    return this.forEpoch(Math.floor(nowUs / udp.cookieLifeUs), path, token);
  }

  /** Whether `cookie` was minted for exactly this path and token and has not expired. */
  isValid(cookie: Uint8Array, path: UdpPath, token: Uint8Array, nowUs: number): boolean {
    const epoch = Math.floor(nowUs / udp.cookieLifeUs);
    for (const candidate of [epoch, epoch - 1]) {
      if ((candidate & 0xff) !== cookie[0]) continue;
      if (equal(cookie, this.forEpoch(candidate, path, token))) return true;
    }
    return false;
  }

  private forEpoch(epoch: number, path: UdpPath, token: Uint8Array): Uint8Array {
    // Fixed-length fields first, then the addresses, separated by a character that neither
    // contains, so that no two inputs give the same message.
    const addresses = `${path.address}\0${path.local}`;
    const message = new Uint8Array(limit.tokenBytes + 10 + addresses.length);
    message.set(token, 0);
    const view = new DataView(message.buffer);
    view.setFloat64(limit.tokenBytes, epoch);
    view.setUint16(limit.tokenBytes + 8, path.port);
    for (let i = 0; i < addresses.length; i++) {
      message[limit.tokenBytes + 10 + i] = addresses.charCodeAt(i) & 0xff;
    }
    const cookie = new Uint8Array(udp.cookieBytes);
    cookie[0] = epoch & 0xff;
    cookie.set(this.keyedHash(message).subarray(0, udp.cookieBytes - 1), 1);
    return cookie;
  }
}

/** In constant time, so that a wrong guess does not reveal how close it was. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
