// Whose a name was when a member last knew it from a private chat. What it has written to its partner by name may still be on its
// way when the partner gets another name or leaves; by then the name may be somebody else's, who must not hear it. Pure.

import { privateChat as limits } from "../../limits.ts";
import type { Session } from "../session.ts";

/** What stays the same of somebody whose name or connection changes. */
export function identityOf({ recordId, id }: Session): string {
  return recordId === "" ? `#${id}` : recordId;
}

export class KnownNames {
  readonly #names = new Map<string, { identity: string; untilMs: number }>();

  /** From now on, and for a while, the folded name stands for whom it has been. */
  remember(folded: string, identity: string, nowMs: number): void {
    this.#names.delete(folded);
    this.#names.set(folded, { identity, untilMs: nowMs + limits.nameKnownMs });
    if (this.#names.size <= limits.namesKnown) return;
    for (const oldest of this.#names.keys()) {
      this.#names.delete(oldest);
      return;
    }
  }

  /** Who the name has been; undefined if that is nothing to go by any more. */
  identity(folded: string, nowMs: number): string | undefined {
    const known = this.#names.get(folded);
    return known !== undefined && nowMs < known.untilMs ? known.identity : undefined;
  }
}
