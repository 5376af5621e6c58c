// The secret inside a device code, and the proof made with it.

import { createHmac } from "node:crypto";
import { secretBytes } from "../secrets.ts";
import { linkSecretChars } from "../trust/device-vouch.ts";

/** Crockford's base 32, as in the server's part of the code. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** 75 bits: too many to be guessed from the proof while the code is valid. */
export function newLinkSecret(): string {
  return Array.from(secretBytes(linkSecretChars), (byte) => alphabet[byte % 32]).join("");
}

/** HMAC-SHA256 in base64url. */
export function authenticate(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}
