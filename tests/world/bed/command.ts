// Runs a system command to its end, such as ip(8) or mount(8) for the test bed.

/** The command's stdout. @throws with its stderr, if it fails */
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
