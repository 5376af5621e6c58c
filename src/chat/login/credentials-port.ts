// The cryptography that the hub requires: signatures and password hashes. Implemented by the
// server.

export interface CredentialsPort {
  /** Whether it is a valid Ed25519 signature (RFC 8032) of the text's UTF-8. Never throws. */
  verifySignature(key: string, text: string, signature: string): boolean;
  /**
   * Hashes a new password (argon2id, PHC form), for somebody at the address. Undefined if too many
   * wait for that, or hashing failed.
   */
  hashPassword(password: string, address: string, then: (hash: string | undefined) => void): void;
  /** Checks a password against a hash, in the same way. */
  checkPassword(
    password: string,
    hash: string,
    address: string,
    then: (isRight: boolean | undefined) => void,
  ): void;
}
