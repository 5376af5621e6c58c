// How rights are stored: one row per decision, with a key and its fields as JSON. Changes are
// collected until the hub passes them to the store. Pure.

import { FieldReader, parseObject } from "../../protocol/field-reader.ts";

/** The first part of `key` is the type of the row: `sanction/7`. */
export type RightsRow = { readonly key: string; readonly value: string };

/** `value` undefined: the row is deleted. */
export type RightsChange = {
  readonly key: string;
  readonly value: string | undefined;
  /** Only if the row still has this value: another server may have changed or deleted it. */
  readonly before?: string | undefined;
};

type Fields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** Changes since the last `take`. */
export class RightsJournal {
  #changes = new Map<string, RightsChange>();

  /** Returns the row's value. */
  put(key: string, fields: Fields): string {
    const value = JSON.stringify(fields);
    this.#changes.set(key, { key, value });
    return value;
  }

  /** The same, unless the row has another value than `before` by then. */
  update(key: string, fields: Fields, before: string | undefined): string {
    const value = JSON.stringify(fields);
    const unsent = this.#changes.get(key);
    this.#changes.set(key, { key, value, before: unsent === undefined ? before : unsent.before });
    return value;
  }

  remove(key: string): void {
    this.#changes.set(key, { key, value: undefined });
  }

  /** The same, unless the row has another value than `before` by then. */
  removeIf(key: string, before: string): void {
    const unsent = this.#changes.get(key);
    const change = { key, value: undefined };
    this.#changes.set(key, { ...change, before: unsent === undefined ? before : unsent.before });
  }

  /**
   * Changes that could not be stored: the next `take` returns them again, unless they are outdated.
   */
  putBack(changes: readonly RightsChange[]): void {
    for (const change of changes) {
      const { key, value, before } = change;
      const later = this.#changes.get(key);
      if (later === undefined) this.#changes.set(key, change);
      else if (later.before !== undefined && later.before === value) {
        this.#changes.set(key, { ...later, before });
      }
    }
  }

  /** The latest state of each changed row. */
  get changes(): readonly RightsChange[] {
    return [...this.#changes.values()];
  }

  take(): readonly RightsChange[] {
    const { changes } = this;
    this.#changes = new Map();
    return changes;
  }
}

/** The rows after these changes. */
export function withChanges(
  rows: readonly RightsRow[],
  changes: readonly RightsChange[],
): readonly RightsRow[] {
  if (changes.length === 0) return rows;
  const kept = new Map(rows.map(({ key, value }) => [key, value]));
  for (const { key, value, before } of changes) {
    if (before !== undefined && kept.get(key) !== before) continue;
    if (value === undefined) kept.delete(key);
    else kept.set(key, value);
  }
  return Array.from(kept, ([key, value]) => ({ key, value }));
}

/**
 * The rows of one type, each read from the rest of its key and its fields. Rows that can't be read
 * were damaged and are left out.
 */
export function readRows<T>(
  rows: Iterable<RightsRow>,
  kind: string,
  read: (rest: string, fields: FieldReader) => T,
): T[] {
  const found: T[] = [];
  for (const { key, value } of rows) {
    if (!key.startsWith(`${kind}/`)) continue;
    const fields = parseObject(value, { maxValues: maxValues });
    if (fields === undefined) continue;
    const reader = new FieldReader(fields);
    const item = read(key.slice(kind.length + 1), reader);
    if (reader.problem === undefined) found.push(item);
  }
  return found;
}

/** Values in a row; the longest is a private room with all of its guests. */
const maxValues = 1_024;
