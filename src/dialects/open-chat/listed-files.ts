// The names under which open-chat lists the shared folder's files and takes requests for them.
// Others have chosen these names, and all of them stand in one line. Pure.

import { harmless, showsNothing } from "../../text.ts";

/**
 * `name` as it is listed: harmless, and without blanks around it, which no request keeps. Undefined
 * if nothing of it is visible. Only a file that is listed under its real name can be requested.
 */
export function listedName(name: string): string | undefined {
  const listed = harmless(name).trim();
  return showsNothing(listed) ? undefined : listed;
}

/**
 * The files by listed name. Of files that would look the same only the one really called so is
 * listed; if none is, the name would be ambiguous and all of them are left out.
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
