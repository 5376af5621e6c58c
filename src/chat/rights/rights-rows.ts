// How rights are stored: one row for each thing that was decided, a key and its fields as JSON. What
// changes is collected until the hub hands it to the store. Pure.

import { FieldReader, parseObject } from "../../protocol/field-reader.ts";

/** The first part of `key` says what the row is: `sanction/7`. */
export type RightsRow = { readonly key: string; readonly value: string };

/** `value` undefined: the row is deleted. */
export type RightsChange = { readonly key: string; readonly value: string | undefined };

type Fields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** Changes since the last `take`. */
export class RightsJournal {
  #changes = new Map<string, string | undefined>();

  put(key: string, fields: Fields): void {
    this.#changes.set(key, JSON.stringify(fields));
  }

  remove(key: string): void {
    this.#changes.set(key, undefined);
  }

  /** Changes that could not be stored: the next `take` has them again, unless they are outdated. */
  putBack(changes: readonly RightsChange[]): void {
    for (const { key, value } of changes)
      if (!this.#changes.has(key)) this.#changes.set(key, value);
  }

  /** The last state of each row that changed. */
  get changes(): readonly RightsChange[] {
    return Array.from(this.#changes, ([key, value]) => ({ key, value }));
  }

  take(): readonly RightsChange[] {
    const { changes } = this;
    this.#changes = new Map();
    return changes;
  }
}

/**
 * The rows of one kind, each read from the rest of its key and its fields. A row that can't be read
 * was damaged; it is left out.
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

/** Values in a row; the longest is a private room with everybody who is let in. */
const maxValues = 1_024;
