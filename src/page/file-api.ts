// The server's files over HTTP, as docs/web.md has them: the list, and the hash of one. Answers are checked like any input.

import type { ListedFile } from "../client/events.ts";
import { protocol as limits } from "../limits.ts";
import { FieldReader, parseObject } from "../protocol/field-reader.ts";

export type FilePage = { files: readonly ListedFile[]; next: string | undefined };

/** One page of the list, from the file after `after` on. @throws Error with a sentence for people. */
export async function fetchFilePage(after: string | undefined): Promise<FilePage> {
  const query = after === undefined ? "" : `?after=${encodeURIComponent(after)}`;
  const response = await fetch(`/files${query}`);
  if (!response.ok) throw new Error(await problemOf(response));
  const reader = readerOf(await response.text());
  const files = reader?.list("files", readFile) ?? [];
  const next = reader?.optionalText("next");
  if (reader === undefined || reader.problem !== undefined) {
    throw new Error("The server's list of files is damaged. Try again.");
  }
  return { files, next };
}

/** Where a file is downloaded from. */
export function fileUrl(name: string): string {
  return `/files/${encodeURIComponent(name)}`;
}

/** The server's SHA-256 of a file, hexadecimal. @throws Error with a sentence for people. */
export async function fetchSha256(name: string): Promise<string> {
  const response = await fetch(`${fileUrl(name)}?sha256`);
  if (!response.ok) throw new Error(await problemOf(response));
  const sha256 = readerOf(await response.text())?.optionalPattern(
    "sha256",
    /^[0-9a-f]{64}$/,
    "a hash",
  );
  if (sha256 === undefined) throw new Error("The server did not send the file's hash. Try again.");
  return sha256;
}

/** Why the server refused, in its own words where it has some. */
export async function problemOf(response: Response): Promise<string> {
  const message = readerOf((await response.text()).slice(0, 2_000))?.optionalText("message");
  return message ?? `The server answered ${response.status} ${response.statusText}`.trim();
}

function readerOf(text: string): FieldReader | undefined {
  const fields = parseObject(text, { maxValues: limits.maxServerValues });
  return fields === undefined ? undefined : new FieldReader(fields);
}

function readFile(reader: FieldReader): ListedFile {
  return {
    name: reader.text("name"),
    sizeBytes: reader.count("size"),
    modifiedMs: reader.number("modified"),
  };
}
