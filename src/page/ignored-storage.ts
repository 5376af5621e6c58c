// The names that this browser's user ignores, kept for all later sessions, and shared by all tabs.

import { withIgnored } from "../client/ignored.ts";
import { client as limits } from "../limits.ts";

export const ignoredKey = "parley-ignored";

/** Empty if there are none, or storage is disabled or damaged. */
export function loadIgnored(): readonly string[] {
  try {
    return readIgnored(localStorage.getItem(ignoredKey));
  } catch {
    return [];
  }
}

/** Changes what is stored, to which other tabs may have added names. Returns why it can't. */
export function storeIgnored(name: string, isIgnored: boolean): string | undefined {
  try {
    const names = withIgnored(loadIgnored(), name, isIgnored);
    localStorage.setItem(ignoredKey, JSON.stringify(names));
    return undefined;
  } catch {
    return "this browser does not keep it";
  }
}

/** What another tab has changed. */
export function changedIgnored(
  before: string | null,
  now: string | null,
): { readonly added: readonly string[]; readonly removed: readonly string[] } {
  const [old, fresh] = [readIgnored(before), readIgnored(now)];
  return {
    added: fresh.filter((name) => !old.includes(name)),
    removed: old.filter((name) => !fresh.includes(name)),
  };
}

function readIgnored(text: string | null): readonly string[] {
  let names: unknown;
  try {
    names = JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
  if (!Array.isArray(names)) return [];
  return names.filter((name) => typeof name === "string").slice(0, limits.maxIgnored);
}
