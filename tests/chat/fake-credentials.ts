// Credentials without cryptography, for hubs in tests: a signature is the key and the text, a hash
// the password.

import type { CredentialsPort } from "../../src/chat/login/credentials-port.ts";

export function fakeSignature(key: string, text: string): string {
  return Buffer.from(new Bun.CryptoHasher("sha512").update(`${key} ${text}`).digest()).toString(
    "base64url",
  );
}

export const fakeCredentials: CredentialsPort = {
  verifySignature: (key, text, signature) => signature === fakeSignature(key, text),
  hashPassword: (password, _, then) => then(`hash of ${password}`),
  checkPassword: (password, hash, _, then) => then(hash === `hash of ${password}`),
};
