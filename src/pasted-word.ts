// Names in commands that people paste into a shell. Somebody else may have chosen the name, and no
// way of quoting is right for all shells: a name that any of them could take for something else is
// left out. Pure.

/** Begins with a letter or digit, so that it is no flag; no quotes, variables or separators. */
const plain = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N} ._+,@()=~/-]*$/u;

/** The name in quotes, or NAME. */
export function pastedWord(name: string): string {
  return plain.test(name) ? `'${name}'` : "NAME";
}
