// Whether a command line asks for the version: apart from the answer, which takes longer to
// load.

const flags: ReadonlySet<string> = new Set(["--version", "-V", "-v"]);

export function asksVersion(words: readonly string[]): boolean {
  return words.some((word) => flags.has(word));
}
