// Compares a given password with the server's, in constant time.

import { timingSafeEqual } from "node:crypto";

export function passwordCheck(password: string): (given: string) => boolean {
  const expected = digest(password);
  return (given) => timingSafeEqual(digest(given), expected);
}

function digest(text: string): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(text).digest();
}
