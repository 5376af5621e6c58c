// What places for received files have in common: how they are written and named.

import { errorMessage, ParleyError } from "../../errors.ts";
import { harmless } from "../../text.ts";
import { heldName, type NameRules } from "../../transfer/tree/name-rules.ts";

/** A version of a file, and how much of it an earlier page has saved. */
export type KeptFile = { readonly version: string; readonly size: number; readonly bytes: number };

/** A file that is being written, from its beginning to its end. */
export interface FileSink {
  /** What is already there: writing continues after it. */
  readonly kept?: KeptFile | undefined;
  /** The version that is written from now on: with it, a later page can continue. */
  begin?(version: string, size: number): void;
  write(parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void>;
  /** Discards everything written so far. */
  restart(): Promise<void>;
  /** Everything is written. Returns a file to download, if it is not in its final place yet. */
  finish(): Promise<StoredFile | undefined>;
  /** The file will not be completed. */
  discard(): Promise<void>;
}

/** A file in the page's own store. */
export type StoredFile = {
  readonly file: Blob;
  readonly name: string;
  /** The file is no longer needed. */
  release(): Promise<void>;
};

export interface SaveTarget {
  /** The message once everything is saved. */
  readonly saved: string;
  /** A page that is loaded after this one continues: closing this one loses nothing. */
  readonly isKept?: boolean;
  /** The maximum number of files of one folder: small if each of them is a separate download. */
  readonly maxTreeFiles: number;
  /** The size of a file that an earlier page has saved completely; undefined: it has not. */
  savedBytes?(path: string): number | undefined;
  /**
   * `name`: a file name, not a path. `path`: identifies the file within its offer.
   * @throws ParleyError `storage`
   */
  open(name: string, path: string): Promise<FileSink>;
  /** A subfolder with that name, or a similar one. @throws ParleyError `storage` */
  folder(name: string): Promise<SaveTarget>;
}

/** For any file system: names that are valid on all of them. */
export const anyPlatform: NameRules = {
  isWindows: true,
  foldsCase: true,
  foldsAccents: true,
  maxName: 200,
};

/** A name that is valid on all of them, without characters that hide its meaning. */
export function savedName(name: string): string {
  return heldName(harmless(name) || "file", anyPlatform);
}

/** @throws ParleyError `storage` for any error of the browser */
export async function withStorageErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error);
  }
}

export function storageError(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error;
  const isFull = error instanceof DOMException && error.name === "QuotaExceededError";
  const why = errorMessage(error);
  return new ParleyError(
    "storage",
    isFull ? "there is no room for it on the disk" : `it can't be saved: ${why}`,
  );
}
