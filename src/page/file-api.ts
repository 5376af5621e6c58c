// The HTTP interface to the shared files (docs/web.md): listing and hashes. Responses are validated
// like any input.

import type { FileEntry } from "../client/events.ts";
import { pageFiles, protocol as limits } from "../limits.ts";
import { FieldReader, parseObject } from "../protocol/field-reader.ts";

export interface Fetching {
  fetch(url: string, init: RequestInit): Promise<Response>;
  rest(ms: number): Promise<void>;
  /** Stops it: what is awaited next throws its reason. */
  signal?: AbortSignal;
}

export const browser: Fetching = {
  fetch: (url, init) => fetch(url, init),
  rest: (ms) => new Promise((go) => setTimeout(go, ms)),
};

export type FilePage = { files: readonly FileEntry[]; next: string | undefined };

/**
 * Fetches one page of the listing: the files after `after`. @throws Error with a readable message.
 */
export async function fetchFilePage(after: string | undefined): Promise<FilePage> {
  const query = after === undefined ? "" : `&after=${encodeURIComponent(after)}`;
  const response = await fetch(`/files?folders${query}`);
  if (!response.ok) throw new Error(await problemOf(response));
  const reader = readerOf(await response.text());
  const files = reader?.list("files", readFile) ?? [];
  const next = reader?.optionalText("next");
  if (reader === undefined || reader.problem !== undefined) {
    throw new Error("The server's list of files is damaged. Try again.");
  }
  return { files, next };
}

/** The download URL of a file. */
export function fileUrl(name: string): string {
  return `/files/${encodeURIComponent(name)}`;
}

/** Fetches a file's SHA-256, hexadecimal. @throws Error with a readable message. */
export async function fetchSha256(name: string, by: Fetching): Promise<string> {
  for (let failures = 0; ;) {
    try {
      return await askSha256(name, by);
    } catch (error) {
      if (!(error instanceof TypeError) || ++failures > pageFiles.maxRetries) throw error;
      await by.rest(pageFiles.retryMs);
    }
  }
}

async function askSha256(name: string, { fetch, signal }: Fetching): Promise<string> {
  const response = await fetch(`${fileUrl(name)}?sha256`, signal ? { signal } : {});
  if (!response.ok) throw await failureOf(response);
  const sha256 = readerOf(await response.text())?.optionalPattern(
    "sha256",
    /^[0-9a-f]{64}$/,
    "a hash",
  );
  if (sha256 === undefined) throw new Error("The server did not send the file's hash. Try again.");
  return sha256;
}

/** Of a response that is an error. One that passes is a TypeError, like a lost connection. */
export async function failureOf(response: Response): Promise<Error> {
  const problem = await problemOf(response);
  return passing.has(response.status) ? new TypeError(problem) : new Error(problem);
}

/**
 * The session is not back yet; too many requests or hashes; the server is restarting; a proxy has
 * waited too long for the hash of a large file.
 */
const passing: ReadonlySet<number> = new Set([401, 429, 502, 503, 504]);

/** The server's explanation of an error response, or at least its status. */
async function problemOf(response: Response): Promise<string> {
  const message = readerOf((await response.text()).slice(0, 2_000))?.optionalText("message");
  return message ?? `The server answered ${response.status} ${response.statusText}`.trim();
}

function readerOf(text: string): FieldReader | undefined {
  const fields = parseObject(text, { maxValues: limits.maxServerValues });
  return fields === undefined ? undefined : new FieldReader(fields);
}

function readFile(reader: FieldReader): FileEntry {
  return {
    name: reader.text("name"),
    sizeBytes: reader.count("size"),
    modifiedMs: reader.number("modified"),
  };
}
