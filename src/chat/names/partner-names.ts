// Former names of private-chat partners. A message sent to a partner by name may arrive after the
// partner was renamed or left; it must not reach a new holder of that name. Pure.

import { BoundedMap } from "../../bounded-map.ts";
import { privateChat as limits } from "../../limits.ts";

export class PartnerNames {
  readonly #names = new BoundedMap<string, { key: string; untilMs: number }>(limits.namesKnown);

  /** Binds the folded name to that identity for a while. */
  remember(folded: string, key: string, nowMs: number): void {
    this.#names.set(folded, { key, untilMs: nowMs + limits.nameKnownMs });
  }

  /** Identity key of the partner who last had the name; undefined once that has expired. */
  keyOf(folded: string, nowMs: number): string | undefined {
    const known = this.#names.get(folded);
    return known !== undefined && nowMs < known.untilMs ? known.key : undefined;
  }
}
