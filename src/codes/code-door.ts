// Controls access to the files of a code: the guest who knows it at the first try, and again on
// later connections. Every wrong try voids it. Knows nothing of connections.

import { CodeHost, type CodeWay, isGuestAgain } from "../tls/code-exchange.ts";
import type { Code } from "../trust/code.ts";

/**
 * `open`: no try yet. `tried`: a guest has begun a try, and may still prove to know the code.
 * `void`: the try was wrong. `taken`: a guest has proved to know the code.
 */
export type DoorState = "open" | "tried" | "void" | "taken";

/** One connection's try. */
export type Knock = {
  /** The answer to a share; undefined: it is for another code, or the code is used up. */
  share(number: number, share: string): { share: string; proof: string } | undefined;
  /** Whether the proof is correct. */
  prove(proof: string): boolean;
  /** Whether this is the guest of the earlier connection. */
  proveAgain(proof: string): boolean;
  /** The connection has closed: a try without a proof counts as wrong. */
  leave(): void;
};

export class CodeDoor {
  readonly #code: Code;
  readonly #onChange: (state: DoorState, from: string) => void;
  #state: DoorState = "open";
  #secret: Uint8Array | undefined;

  /** `from`: the source of the change, as given to `knock`. */
  constructor(code: Code, onChange: (state: DoorState, from: string) => void) {
    this.#code = code;
    this.#onChange = onChange;
  }

  get state(): DoorState {
    return this.#state;
  }

  /** Shared with the guest who knows the code; undefined before. */
  get secret(): Uint8Array | undefined {
    return this.#secret;
  }

  /** Admits nobody any more, unless a guest is already in. */
  close(): void {
    if (this.#state === "open" || this.#state === "tried") this.#become("void", "");
  }

  /**
   * `from`: an address, if known. `session`: the secret the exchange is bound to
   * (code-exchange.ts).
   */
  knock(from: string, session: Uint8Array, way: CodeWay = "connection"): Knock {
    let host: CodeHost | undefined;
    return {
      share: (number, share) => {
        // A wrong number is a reading mistake, not a guess: the words were not tried.
        if (this.#state !== "open" || number !== this.#code.number) return undefined;
        host = new CodeHost(this.#code, session, way);
        this.#become("tried", from);
        const answer = host.answer({ share });
        if (answer === undefined) this.#become("void", from);
        return answer;
      },
      prove: (proof) => {
        if (this.#state !== "tried" || host === undefined) return false;
        this.#secret = host.check({ proof });
        this.#become(this.#secret === undefined ? "void" : "taken", from);
        return this.#secret !== undefined;
      },
      proveAgain: (proof) =>
        this.#secret !== undefined && isGuestAgain(this.#secret, session, proof),
      leave: () => {
        if (host !== undefined && this.#state === "tried") this.#become("void", from);
      },
    };
  }

  #become(state: DoorState, from: string): void {
    this.#state = state;
    this.#onChange(state, from);
  }
}
