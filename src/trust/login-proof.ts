// What a client signs at login to prove that it holds a key (docs/protocol.md, "Identity"). The
// text names its purpose and is bound to one connection, so that the signature is useless anywhere
// else. Pure; signing and verifying happen elsewhere.

/** The name as in the `hello`, and a value unique to the connection. */
export type LoginProof = { name: string } & (
  | {
      /** The TLS channel's binding (RFC 9266, tls-exporter), in base64url. */
      channel: string;
    }
  | {
      /** Over plain text: the server's challenge. A man in the middle can relay it. */
      nonce: string;
    }
);

/** The text to sign, as UTF-8. Channel and nonce contain no NUL, so it is unambiguous. */
export function loginProofText(proof: LoginProof): string {
  return "channel" in proof
    ? `parley login over TLS\0${proof.name}\0${proof.channel}`
    : `parley login in plain text\0${proof.name}\0${proof.nonce}`;
}

/** An Ed25519 public key: 32 bytes in base64url. */
export const publicKeyForm = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

/** An Ed25519 signature: 64 bytes in base64url. */
export const signatureForm = /^[\w-]{85}[AQgw]$/;
