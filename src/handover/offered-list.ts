// The list of offered files: its lines, and whether it is what was offered and accepted. Hostile
// input. Pure.

import { offers as limits } from "../limits.ts";
import type { FileInfo, OfferSummary } from "../protocol/messages.ts";

/** A line of the list, after the name `after`; `next`: what follows it, if anything does. */
export function listLine<File extends { readonly name: string }>(
  list: readonly File[],
  after = "",
): { files: readonly File[]; next: string | undefined } {
  const rest = list.filter(({ name }) => name > after).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = rest.slice(0, limits.listedPerLine);
  return { files, next: files.length < rest.length ? files.at(-1)?.name : undefined };
}

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
