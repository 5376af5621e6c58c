// Operators' decisions, in memory.

import type { RightsChange, RightsRow } from "../../chat/rights/rights-rows.ts";
import type { RightsTable } from "../../chat/turn/store.ts";

export class MemoryRights implements RightsTable {
  readonly #rows = new Map<string, string>();

  load(): readonly RightsRow[] {
    return Array.from(this.#rows, ([key, value]) => ({ key, value }));
  }

  change(changes: readonly RightsChange[]): readonly RightsChange[] {
    const outdated: RightsChange[] = [];
    for (const { key, value, before } of changes) {
      const now = this.#rows.get(key);
      const isOutdated = before !== undefined && now !== before;
      if (isOutdated && now !== value) outdated.push({ key, value: now });
      else if (value === undefined) this.#rows.delete(key);
      else this.#rows.set(key, value);
    }
    return outdated;
  }
}
