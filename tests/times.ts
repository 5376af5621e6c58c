// Times that tests measure. A test judges what happens, never how fast: on a slow or busy machine
// it would fail for nothing. `bun tests/bench/times.ts` runs the same tests one by one and judges
// their times as well.

export const judging = "JUDGE_TIMES";

export const areTimesJudged = process.env[judging] === "1";

/** @throws if times are judged and this one is too long */
export function noteTime(what: string, tookMs: number, limitMs: number): void {
  if (!areTimesJudged) return;
  const said = `${what}: ${tookMs.toFixed(0)} ms, at most ${limitMs} ms`;
  console.error(said);
  if (!(tookMs < limitMs)) throw new Error(said);
}
