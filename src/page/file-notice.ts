// The server's sentence that somebody has shared a file, read for a link to it. A notice that only looks
// like it links to a file of this server all the same. Pure.

export type FileNotice = { readonly name: string; readonly size: string };

/** Undefined: it is another text, or about a folder or several files, which a browser does not save. */
export function readFileNotice(text: string): FileNotice | undefined {
  const [, name = "", size = ""] =
    /^shares '(.+)' \(([^()]+)\): parley fetch-file '\1'$/.exec(text) ?? [];
  return name === "" || name.endsWith("/") ? undefined : { name, size };
}
