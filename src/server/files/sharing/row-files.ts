// Reads rows from the disk. Other servers write them, too, and other programs may have written
// anything.

import { lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { systemCode } from "../../../errors.ts";
import { sharing as limits } from "../../../limits.ts";

/** One kind of rows, by their IDs. */
type Rows<Row> = {
  readonly folder: string;
  readonly known: ReadonlyMap<string, Row>;
  /** Whether this server is at work on it: it stays, whatever the folder contains. */
  readonly isOwn?: (id: string) => boolean;
  readonly pathOf: (id: string) => string;
  readonly decode: (id: string, text: string) => Row | undefined;
  readonly keep: (row: Row) => void;
  readonly drop: (row: Row) => void;
};

/** Keeps new rows, and drops those that are gone; the others do not change. */
export async function refreshRows<Row>({ folder, known, isOwn, ...rows }: Rows<Row>) {
  const names = new Set(await readdir(folder).catch(ifMissing));
  for (const [id, row] of known) {
    if (!names.has(id) && isOwn?.(id) !== true) rows.drop(row);
  }
  for (const id of names) {
    if (known.has(id) || known.size >= limits.maxItems) continue;
    const row = rows.decode(id, await readStart(rows.pathOf(id), limits.maxRowBytes));
    if (row !== undefined) rows.keep(row);
  }
}

/** Reads at most that many bytes of a file. Empty: it can't be read, or is no file. */
export async function readStart(path: string, bytes: number): Promise<string> {
  try {
    // A FIFO would never end.
    return lstatSync(path).isFile() ? await Bun.file(path).slice(0, bytes).text() : "";
  } catch {
    return "";
  }
}

/** Nothing, if there is no such folder. Throws other errors. */
export function ifMissing(error: unknown): string[] {
  if (systemCode(error) === "ENOENT") return [];
  throw error;
}
