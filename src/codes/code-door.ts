// Who may have the files behind a code: the one who knows it, at the first try, and again on later
// connections. Every other try ends it. Knows no connection.

import { CodeHost, type CodeWay, isGuestAgain } from "../tls/code-exchange.ts";
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
  readonly #onChange: (state: DoorState, from: string) => void;
  #state: DoorState = "open";
  #secret: Uint8Array | undefined;

  /** `from`: who has changed it, as the knock says. */
  constructor(code: Code, onChange: (state: DoorState, from: string) => void) {
    this.#code = code;
    this.#onChange = onChange;
  }

  get state(): DoorState {
    return this.#state;
  }

  /** Shared with the one who knows the code; undefined before. */
  get secret(): Uint8Array | undefined {
    return this.#secret;
  }

  /** Nobody can get in any more, unless somebody is in. */
  close(): void {
    if (this.#state === "open" || this.#state === "tried") this.#become("void", "");
  }

  /** `from`: an address, if it is known. `session`: what the exchange is bound to (code-exchange.ts). */
  knock(from: string, session: Uint8Array, way: CodeWay = "connection"): Knock {
    let host: CodeHost | undefined;
    return {
      share: (number, share) => {
        // Another number is a mistake in reading, not a guess: the words were not tried.
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
