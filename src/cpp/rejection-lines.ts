// Which rejected callers are shown: a stranger who calls again and again must not push a chat out
// of sight. Pure.

import { TokenBucket } from "../chat/rates/token-bucket.ts";
import { peer as limits } from "../limits.ts";

export class RejectionLines {
  #budget: TokenBucket | undefined;
  #notShown = 0;

  /** The line, with the number of those not shown before it; undefined: it is not shown, either. */
  take(line: string, nowMs: number): string | undefined {
    this.#budget ??= new TokenBucket(
      1_000 / limits.rejectionLineEveryMs,
      limits.rejectionLinesAtOnce,
      nowMs,
    );
    if (!this.#budget.take(1, nowMs)) {
      this.#notShown++;
      return undefined;
    }
    const notShown = this.#notShown;
    this.#notShown = 0;
    return notShown === 0 ? line : `${line} (Rejected before that, and not shown: ${notShown})`;
  }
}
