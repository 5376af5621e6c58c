// Reads the totals that `bun test` prints at its end.

export function parseTotals(output: string): { passed: number; failed: number; skipped: number } {
  const number = (word: string): number =>
    Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  return { passed: number("pass"), failed: number("fail"), skipped: number("skip") };
}
