// Proofs of a name at login: a signature with the device's key that is bound to the connection, and
// a password or token. Pure; keys sign elsewhere.

import type { Hello } from "../protocol/messages.ts";
import { loginProofText } from "../trust/login-proof.ts";
import type { ClientIdentity, NameProof } from "./events.ts";

export class LoginProofs {
  readonly #identity: ClientIdentity | undefined;
  #proof: NameProof | undefined;
  /** Whether the server may request a signature: over plain text, once per connection. */
  #isAsked = false;

  constructor(identity: ClientIdentity | undefined, proof: NameProof | undefined) {
    this.#identity = identity;
    this.#proof = proof;
  }

  /** For the `hello` of a new connection. */
  forHello(
    name: string,
    channel: string | undefined,
  ): Pick<Hello, "identity" | "password" | "token" | "remember"> {
    const { key } = this.#identity ?? {};
    const signature =
      channel === undefined ? undefined : this.#identity?.sign(loginProofText({ name, channel }));
    this.#isAsked = key !== undefined && channel === undefined;
    return { ...(key === undefined ? {} : { identity: { key, signature } }), ...this.#proof };
  }

  /**
   * The signature over a server's nonce. Undefined if the server must not request one: a signature
   * for plain text could be relayed from a TLS connection to another server.
   */
  answer(name: string, nonce: string): string | undefined {
    if (!this.#isAsked) return undefined;
    this.#isAsked = false;
    return this.#identity?.sign(loginProofText({ name, nonce }));
  }

  /** For the `bye`: the server should forget a token that will not be used again. */
  forBye(): { forget?: true } {
    return this.#proof !== undefined && "token" in this.#proof ? { forget: true } : {};
  }

  /** The server has issued a token: the password is not sent again. */
  handleToken(token: string): void {
    this.#proof = { token };
  }
}
