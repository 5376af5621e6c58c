// Whose a name was when a member last knew it from a private chat. What it has written to its partner by name may still be on its
// way when the partner gets another name or leaves; by then the name may be somebody else's, who must not hear it. Pure.

import { BoundedMap } from "../../bounded-map.ts";
import { privateChat as limits } from "../../limits.ts";

export class PartnerNames {
  readonly #names = new BoundedMap<string, { key: string; untilMs: number }>(limits.namesKnown);

  /** From now on, and for a while, the folded name stands for the person with that identity. */
  remember(folded: string, key: string, nowMs: number): void {
    this.#names.set(folded, { key, untilMs: nowMs + limits.nameKnownMs });
  }

  /** Key of the person whose name it was; undefined if that is nothing to go by any more. */
  person(folded: string, nowMs: number): string | undefined {
    const known = this.#names.get(folded);
    return known !== undefined && nowMs < known.untilMs ? known.key : undefined;
  }
}
