// The names under which open-chat lists shared files and accepts requests for them. File names are
// untrusted, and the whole list is one line. Pure.

import { harmless, showsNothing } from "../../text.ts";

/**
 * `name` as it is listed: harmless, and trimmed, as requests are. Undefined if nothing visible is
 * left.
 */
export function listedName(name: string): string | undefined {
  const listed = harmless(name).trim();
  return showsNothing(listed) ? undefined : listed;
}

/**
 * The files by listed name. If several files have the same listed name, only the one whose real
 * name it is stays; if there is none, the name is ambiguous and none is listed.
 */
export function listedFiles<F extends { readonly name: string }>(
  files: readonly F[],
): ReadonlyMap<string, F> {
  const listed = new Map<string, F>();
  const unclear = new Set<string>();
  for (const file of files) {
    const name = listedName(file.name);
    if (name === undefined) continue;
    const other = listed.get(name);
    if (other === undefined || file.name === name) listed.set(name, file);
    else if (other.name !== name) unclear.add(name);
  }
  for (const name of unclear) if (listed.get(name)?.name !== name) listed.delete(name);
  return listed;
}
