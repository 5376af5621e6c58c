// Runs a system command to its end. For what a test bed asks of ip(8), mount(8) and their like.

/** What the command printed on stdout. @throws with what it said on stderr, if it fails */
export function run(...words: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...words], { stdin: "ignore" });
  if (exitCode !== 0) {
    throw new Error(`${words.join(" ")} failed (${exitCode}): ${stderr.toString().trim()}`);
  }
  return stdout.toString();
}

export function succeeds(...words: readonly string[]): boolean {
  if (Bun.which(words[0] ?? "") === null) return false;
  return Bun.spawnSync([...words], { stdin: "ignore", stdout: "ignore", stderr: "ignore" }).success;
}
