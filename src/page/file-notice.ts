// Parses the server's announcement of a shared file, to link to it. A message that only looks like
// one still links to a file of this server. Pure.

export type FileNotice = { readonly name: string; readonly size: string };

/** Undefined: another text, or about a folder or several files, which a browser does not save. */
export function readFileNotice(text: string): FileNotice | undefined {
  const [, name = "", size = ""] =
    /^shares '(.+)' \(([^()]+)\): parley fetch-file '\1'$/.exec(text) ?? [];
  return name === "" || name.endsWith("/") ? undefined : { name, size };
}
