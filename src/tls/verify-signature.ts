// Ed25519 signatures made by people's devices.

import { createPublicKey, verify } from "node:crypto";

/** Key and signature in base64url. Also false if either is malformed. */
export function verifySignature(key: string, text: string, signature: string): boolean {
  try {
    const jwk = { kty: "OKP", crv: "Ed25519", x: key };
    const publicKey = createPublicKey({ key: jwk, format: "jwk" });
    return verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64url"));
  } catch {
    return false;
  }
}
