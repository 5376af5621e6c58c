// Whether a sender lists what it has offered, and what was accepted. Hostile input. Pure.

import { offers as limits } from "../limits.ts";
import type { FileInfo, OfferSummary } from "../protocol/messages.ts";

/** The names of folders end with a `/`. `isWhole`: no more follows. */
export function isAsOffered(
  list: readonly FileInfo[],
  { files, bytes, names }: OfferSummary,
  isWhole: boolean,
): boolean {
  const listed = new Set(list.map(({ name }) => name));
  const count = list.filter(({ name }) => !name.endsWith("/")).length;
  const sum = list.reduce((all, { size }) => all + size, 0);
  const isMore = count > files || sum > bytes + limits.slackBytes;
  if (isMore || listed.size < list.length) return false;
  if (!isWhole) return true;
  // An offer names its first files, and all of them if they are few.
  const isAll = names.length < limits.shownNames;
  return names.every((name) => listed.has(name)) && !(isAll && listed.size > names.length);
}
