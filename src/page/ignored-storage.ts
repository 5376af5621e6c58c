// The names that this browser's user ignores, kept for all later sessions.

import { client as limits } from "../limits.ts";

const key = "parley-ignored";

/** Empty if there are none, or storage is disabled or damaged. */
export function loadIgnored(): readonly string[] {
  try {
    const names: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    if (!Array.isArray(names)) return [];
    return names.filter((name) => typeof name === "string").slice(0, limits.maxIgnored);
  } catch {
    return [];
  }
}

export function storeIgnored(names: readonly string[]): void {
  try {
    localStorage.setItem(key, JSON.stringify(names));
  } catch {
    // Storage may be disabled: then they are ignored until the page is closed.
  }
}
