// Signatures and password hashes for the hub. Hashing a password takes 64 MiB and a tenth of a
// second on Bun's own threads, so only a few are hashed at a time, and only a few may wait.

import type { CredentialsPort } from "../chat/credentials-port.ts";
import { accounts as limits } from "../limits.ts";
import { verifySignature } from "../tls/verify-signature.ts";

export class Credentials implements CredentialsPort {
  #running = 0;
  readonly #waiting: (() => Promise<void>)[] = [];

  verifySignature(key: string, text: string, signature: string): boolean {
    return verifySignature(key, text, signature);
  }

  hashPassword(password: string, then: (hash: string | undefined) => void): void {
    this.#run(() => Bun.password.hash(password, { algorithm: "argon2id", ...cost }), then);
  }

  checkPassword(
    password: string,
    hash: string,
    then: (isRight: boolean | undefined) => void,
  ): void {
    this.#run(() => Bun.password.verify(password, hash), then);
  }

  #run<T>(work: () => Promise<T>, then: (result: T | undefined) => void): void {
    const job = async (): Promise<void> => {
      let result: T | undefined;
      try {
        result = await work();
      } catch {
        // The hash is malformed or memory has run out: the login fails.
      }
      this.#running--;
      void this.#waiting.shift()?.();
      then(result);
    };
    const start = (): Promise<void> => {
      this.#running++;
      return job();
    };
    if (this.#running < limits.passwordsAtOnce) void start();
    else if (this.#waiting.length < limits.passwordsWaiting) this.#waiting.push(start);
    else then(undefined);
  }
}

/** OWASP's second choice for argon2id, with more memory: 64 MiB, two passes. */
const cost = { memoryCost: 65_536, timeCost: 2 } as const;
