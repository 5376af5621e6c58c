// What is being claimed in a store shared by several servers (claims.ts).

import type { NameClaim } from "../turn/store.ts";

/** Earlier connections of the same people must not give up what is being claimed. */
export class PendingClaims {
  readonly #pending = new Map<string, { claims: number; isReleased: boolean }>();

  get size(): number {
    return this.#pending.size;
  }

  begin(claim: NameClaim): void {
    const pending = this.#pending.get(keyOf(claim));
    if (pending === undefined) this.#pending.set(keyOf(claim), { claims: 1, isReleased: false });
    else pending.claims++;
  }

  /** False: nobody is claiming it. */
  release(claim: NameClaim): boolean {
    const pending = this.#pending.get(keyOf(claim));
    if (pending !== undefined) pending.isReleased = true;
    return pending !== undefined;
  }

  /** Whether it was released meanwhile. */
  end(claim: NameClaim): boolean {
    const pending = this.#pending.get(keyOf(claim));
    if (pending === undefined) return false;
    pending.claims--;
    if (pending.claims > 0) return false;
    this.#pending.delete(keyOf(claim));
    return pending.isReleased;
  }
}

function keyOf({ name, holder }: NameClaim): string {
  return `${name} ${holder}`;
}
