// Parses the output of `bun test`: the totals at its end, which tests failed, and why tests were
// skipped (tests/skip.ts).

export type Totals = { passed: number; failed: number; skipped: number };

export function parseTotals(output: string): Totals {
  const number = (word: string): number =>
    Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  return { passed: number("pass"), failed: number("fail"), skipped: number("skip") };
}

/** The lines that name the tests that failed. */
export function failedTests(output: string): string[] {
  return output.match(/^\(fail\) .*$/gm) ?? [];
}

/** The last line of tests/world/run.ts. */
export function parseSummary(output: string): Totals {
  const summary = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output);
  const [passed = 0, failed = 0, skipped = 0] = (summary ?? []).slice(1).map(Number);
  return { passed, failed, skipped };
}

export function addTotals(a: Totals, b: Totals): Totals {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** How many tests were skipped for each reason. */
export function skipReasons(output: string): ReadonlyMap<string, number> {
  const reasons = new Map<string, number>();
  for (const [, reason = ""] of output.matchAll(/^skipped: (.+?): /gm)) {
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return reasons;
}
