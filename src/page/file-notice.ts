// Parses the server's announcement of a shared file, to link to it. A message that only looks like
// one still links to a file of this server. Pure.

export type FileNotice = { readonly name: string; readonly size: string };

/** Undefined: another text, or about a folder or several files, which a browser does not save. */
export function readFileNotice(text: string): FileNotice | undefined {
  const [, name = "", size = "", word] =
    /^shares '(.+)' \(([^()]+)\): parley fetch-file (?:'\1'|(NAME))$/.exec(text) ?? [];
  // Without its name in the command, a file can't be told from several.
  const isOne = word === undefined || !name.includes(") and '");
  return name === "" || name.endsWith("/") || !isOne ? undefined : { name, size };
}
