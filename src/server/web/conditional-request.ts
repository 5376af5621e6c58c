// Conditional and range requests for one file (RFC 9110, sections 13 and 14). Pure: headers in,
// decision out.

/**
 * The file as the response describes it. `etag` is strong and quoted, `lastModified` an HTTP date.
 */
export type FileState = { sizeBytes: number; etag: string; lastModified: string };

/** `from` is inclusive, `to` exclusive. */
export type ConditionalDecision =
  | { type: "whole" }
  | { type: "part"; from: number; to: number }
  | { type: "not-modified" }
  | { type: "failed" }
  | { type: "unsatisfiable" };

/**
 * The result of a GET or HEAD with these headers. Preconditions are evaluated in the order of RFC
 * 9110 section 13.2.2.
 */
export function evaluateConditions(
  { method, headers }: Pick<Request, "method" | "headers">,
  file: FileState,
): ConditionalDecision {
  const match = headers.get("if-match");
  if (match !== null) {
    if (!anyTag(match, file.etag, false)) return { type: "failed" };
  } else if (isBefore(headers.get("if-unmodified-since"), file.lastModified)) {
    return { type: "failed" };
  }
  const noneMatch = headers.get("if-none-match");
  if (noneMatch !== null) {
    if (matchesTag(noneMatch, file.etag)) return { type: "not-modified" };
  } else {
    const since = Date.parse(headers.get("if-modified-since") ?? "");
    if (Date.parse(file.lastModified) <= since) return { type: "not-modified" };
  }
  // Section 14.2: ranges are for GET alone.
  const range = method === "GET" ? headers.get("range") : null;
  if (range === null || !isCurrent(headers.get("if-range"), file)) return { type: "whole" };
  return parseRange(range, file.sizeBytes);
}

/**
 * Parses a single byte range. Multiple ranges, other units and malformed ranges are ignored, as
 * section 14.2 allows, and the whole file is sent.
 */
function parseRange(range: string, sizeBytes: number): ConditionalDecision {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(range);
  if (match === null) return { type: "whole" };
  const [first = "", last = ""] = match.slice(1);
  if (first === "") {
    if (last === "") return { type: "whole" };
    const count = Math.min(Number(last), sizeBytes);
    return count === 0
      ? { type: "unsatisfiable" }
      : { type: "part", from: sizeBytes - count, to: sizeBytes };
  }
  const from = Number(first);
  if (last !== "" && Number(last) < from) return { type: "whole" };
  if (from >= sizeBytes) return { type: "unsatisfiable" };
  const to = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return { type: "part", from, to };
}

/** Whether If-Range matches: it must be the strong tag or the exact date. */
function isCurrent(condition: string | null, file: FileState): boolean {
  return condition === null || condition === file.etag || condition === file.lastModified;
}

/**
 * Whether a PUT or DELETE with these headers may change the file; undefined: there is none yet
 * (section 13.2.2).
 */
export function admitsChange(headers: Headers, file: FileState | undefined): boolean {
  const match = headers.get("if-match");
  if (match !== null && (file === undefined || !anyTag(match, file.etag, false))) return false;
  if (file === undefined) return true;
  if (match === null && isBefore(headers.get("if-unmodified-since"), file.lastModified)) {
    return false;
  }
  return !matchesTag(headers.get("if-none-match") ?? "", file.etag);
}

/** Whether If-None-Match has this tag: the client has what it would get. */
export function matchesTag(noneMatch: string, etag: string): boolean {
  return anyTag(noneMatch, etag, true);
}

/**
 * Whether a list of entity tags contains `etag`; `weak` allows weak comparison (section 8.8.3.2).
 */
function anyTag(list: string, etag: string, weak: boolean): boolean {
  return list.split(",").some((entry) => {
    const tag = entry.trim();
    return tag === "*" || tag === etag || (weak && tag === `W/${etag}`);
  });
}

function isBefore(date: string | null, lastModified: string): boolean {
  return date !== null && Date.parse(date) < Date.parse(lastModified);
}
