// Signatures and password hashes for the hub. Hashing a password takes 64 MiB and a tenth of a
// second on Bun's own threads, so only a few are hashed at a time, and only a few may wait.

import { widestNetworkOf } from "../addresses.ts";
import type { CredentialsPort } from "../chat/login/credentials-port.ts";
import { accounts as limits } from "../limits.ts";
import { verifySignature } from "../tls/verify-signature.ts";

export class Credentials implements CredentialsPort {
  #running = 0;
  /** By network; networks take turns, so that nobody waits for all of a stranger's. */
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();
  #waitingCount = 0;

  verifySignature(key: string, text: string, signature: string): boolean {
    return verifySignature(key, text, signature);
  }

  hashPassword(password: string, address: string, then: (hash: string | undefined) => void): void {
    const work = () => Bun.password.hash(password, { algorithm: "argon2id", ...cost });
    this.#run(address, work, then);
  }

  checkPassword(
    password: string,
    hash: string,
    address: string,
    then: (isRight: boolean | undefined) => void,
  ): void {
    this.#run(address, () => Bun.password.verify(password, hash), then);
  }

  #run<T>(address: string, work: () => Promise<T>, then: (result: T | undefined) => void): void {
    const job = async (): Promise<void> => {
      this.#running++;
      let result: T | undefined;
      try {
        result = await work();
      } catch {
        // The hash is malformed or memory has run out: the login fails.
      }
      this.#running--;
      this.#startNext();
      then(result);
    };
    if (this.#running < limits.passwordsAtOnce) return void job();
    const network = widestNetworkOf(address);
    const waiting = this.#waiting.get(network) ?? [];
    const isFull = this.#waitingCount >= limits.passwordsWaitingInAll;
    if (isFull || waiting.length >= limits.passwordsWaiting) return then(undefined);
    waiting.push(job);
    this.#waitingCount++;
    this.#waiting.set(network, waiting);
  }

  /** The network that was served last goes to the end. */
  #startNext(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    const [network, jobs] = first;
    const next = jobs.shift();
    this.#waitingCount--;
    this.#waiting.delete(network);
    if (jobs.length > 0) this.#waiting.set(network, jobs);
    void next?.();
  }
}

/** OWASP's second choice for argon2id, with more memory: 64 MiB, two passes. */
const cost = { memoryCost: 65_536, timeCost: 2 } as const;
