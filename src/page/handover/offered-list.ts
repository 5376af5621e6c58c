// Checks the list of a sender's files before anything is saved: it must match what the user saw and
// accepted. Hostile input. Pure.

import { ParleyError } from "../../errors.ts";
import { isAsOffered } from "../../handover/offered-list.ts";
import { offers as limits, pageFiles } from "../../limits.ts";
import type { FileInfo, OfferSummary } from "../../protocol/messages.ts";
import { quoted } from "../../text.ts";

/** `isWhole`: no more follows. @throws ParleyError `protocol` */
export function checkList(
  list: readonly FileInfo[],
  summary: OfferSummary,
  isWhole: boolean,
): void {
  if (list.length > pageFiles.maxTreeEntries) throw isOther();
  for (const { name } of list) checkName(isFolder(name) ? name.slice(0, -1) : name);
  if (!isAsOffered(list, summary, isWhole)) throw isOther();
}

/** For files whose number and size were not announced. @throws ParleyError `protocol` */
export function checkNames(list: readonly FileInfo[]): void {
  if (list.length > pageFiles.maxTreeEntries) {
    throw new ParleyError("protocol", "that is more than a browser takes: use parley fetch-file");
  }
  const listed = new Set<string>();
  for (const { name } of list) {
    checkName(isFolder(name) ? name.slice(0, -1) : name);
    listed.add(name);
  }
  if (listed.size < list.length) throw isOther();
}

/**
 * Not a path, and without characters that a terminal or another system would interpret. @throws
 * ParleyError `protocol`
 */
function checkName(name: string): void {
  const isOne =
    name !== "" && name !== "." && name !== ".." && !/[\\/\u0000-\u001f\u007f]/.test(name);
  if (isOne && name.length <= limits.maxNameChars && name.isWellFormed()) return;
  throw new ParleyError("protocol", `${quoted(name, 200)} is not a file name; nothing was saved`);
}

function isFolder(name: string): boolean {
  return name.endsWith("/");
}

function isOther(): ParleyError {
  return new ParleyError("protocol", "what would come is not what was offered; nothing was saved");
}
