// The names under which open-chat lists shared files and accepts requests for them. File names are
// untrusted, and the whole list is a single line. Pure.

import { harmless, showsNothing } from "../../text.ts";

/**
 * `name` in the form used in lists: made harmless, and trimmed like requests. Undefined if nothing
 * visible remains.
 */
export function listedName(name: string): string | undefined {
  const listed = harmless(name).trim();
  return showsNothing(listed) ? undefined : listed;
}

/**
 * Files by listed name. If several files share a listed name, only the one whose real name matches
 * it is listed; if there is no such file, the name is ambiguous and none is.
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
