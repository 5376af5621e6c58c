// The names under which open-chat (S1) lists the files of the shared folder, and takes requests for them: file names are what
// others have written, and stand in one line with the rest of the list. Pure.

import { harmless, showsNothing } from "../../text.ts";

/**
 * `name` as it can be listed: harmless, and without blanks around it, which no request keeps. Undefined if nothing of it can be
 * seen. A name that is listed as it is may be asked for; no other can.
 */
export function listedName(name: string): string | undefined {
  const listed = harmless(name).trim();
  return showsNothing(listed) ? undefined : listed;
}

/**
 * The files that can be listed, by the name that is listed. Of those that would look the same only the one that is really called
 * so is there; if none is, nobody could say which is meant, and all of them are left out.
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
