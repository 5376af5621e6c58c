// Operators' decisions, in memory.

import type { RightsChange, RightsRow } from "../../chat/rights/rights-rows.ts";
import type { RightsTable } from "../../chat/turn/store.ts";

export class MemoryRights implements RightsTable {
  readonly #rows = new Map<string, string>();

  load(): readonly RightsRow[] {
    return Array.from(this.#rows, ([key, value]) => ({ key, value }));
  }

  change(changes: readonly RightsChange[]): readonly string[] {
    const gone: string[] = [];
    for (const { key, value, isUpdate = false } of changes) {
      if (value === undefined) this.#rows.delete(key);
      else if (isUpdate && !this.#rows.has(key)) gone.push(key);
      else this.#rows.set(key, value);
    }
    return gone;
  }
}
