// Who may have the files behind a code: the one who knows it, at the first try, and again on later
// connections. Every other try ends it. Knows no connection.

import { CodeHost, isGuestAgain } from "../tls/code-exchange.ts";
import type { Code } from "../trust/code.ts";

/**
 * `open`: nobody has tried. `tried`: somebody has, and may still prove to know it. `void`: that was
 * wrong. `taken`: somebody knows it.
 */
export type DoorState = "open" | "tried" | "void" | "taken";

/** One connection's try. */
export type Knock = {
  /** What to answer a share with; undefined: the code is not for that, or is used up. */
  share(number: number, share: string): { share: string; proof: string } | undefined;
  /** Whether the proof is right. */
  prove(proof: string): boolean;
  /** Whether it is the guest of before. */
  proveAgain(proof: string): boolean;
  /** The connection has ended: a try without a proof was a wrong one. */
  leave(): void;
};

export class CodeDoor {
  readonly #code: Code;
  readonly #onChange: (state: DoorState) => void;
  #state: DoorState = "open";
  #secret: Uint8Array | undefined;

  constructor(code: Code, onChange: (state: DoorState) => void) {
    this.#code = code;
    this.#onChange = onChange;
  }

  get state(): DoorState {
    return this.#state;
  }

  /** `exported`: what distinguishes the TLS session (code-exchange.ts). */
  knock(exported: Uint8Array): Knock {
    let host: CodeHost | undefined;
    return {
      share: (number, share) => {
        // Another number is a mistake in reading, not a guess: the words were not tried.
        if (this.#state !== "open" || number !== this.#code.number) return undefined;
        host = new CodeHost(this.#code, exported);
        this.#become("tried");
        const answer = host.answer({ share });
        if (answer === undefined) this.#become("void");
        return answer;
      },
      prove: (proof) => {
        if (this.#state !== "tried" || host === undefined) return false;
        this.#secret = host.check({ proof });
        this.#become(this.#secret === undefined ? "void" : "taken");
        return this.#secret !== undefined;
      },
      proveAgain: (proof) =>
        this.#secret !== undefined && isGuestAgain(this.#secret, exported, proof),
      leave: () => {
        if (host !== undefined && this.#state === "tried") this.#become("void");
      },
    };
  }

  #become(state: DoorState): void {
    this.#state = state;
    this.#onChange(state);
  }
}
