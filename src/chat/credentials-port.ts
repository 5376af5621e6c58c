// The cryptography that the hub asks for: signatures and password hashes. Implemented at the edge.

export interface CredentialsPort {
  /** Whether it is an Ed25519 signature (RFC 8032) of the text's UTF-8. Never throws. */
  verifySignature(key: string, text: string, signature: string): boolean;
  /** Hashes a new password (argon2id, PHC form). Undefined: too many at once, or it failed. */
  hashPassword(password: string, then: (hash: string | undefined) => void): void;
  /** Whether it is the password of that hash. Undefined: too many at once, or it failed. */
  checkPassword(password: string, hash: string, then: (isRight: boolean | undefined) => void): void;
}
