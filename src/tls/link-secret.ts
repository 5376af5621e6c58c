// The secret in a code with which a device joins, and what is authenticated with it.

import { createHmac } from "node:crypto";
import { secretBytes } from "../secrets.ts";
import { linkSecretChars } from "../trust/device-vouch.ts";

/** Crockford's base 32, as in the server's part of the code. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** 75 bits: more than anybody guesses from the proof while the code is good. */
export function newLinkSecret(): string {
  return Array.from(secretBytes(linkSecretChars), (byte) => alphabet[byte % 32]).join("");
}

/** HMAC-SHA256 in base64url. */
export function authenticate(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}
