// Reads a row from the disk. Others may have written it.

import { sharing as limits } from "../../../limits.ts";

/** Reads at most the maximum size of a row. Empty: unreadable. */
export async function readRow(path: string): Promise<string> {
  try {
    return await Bun.file(path).slice(0, limits.maxRowBytes).text();
  } catch {
    return "";
  }
}
