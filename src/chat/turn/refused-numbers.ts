// Which of a session's last numbered messages were refused for good, and why. Part of its record:
// a client that has lost the refusals with its connection learns of them when it returns. Pure.

import { sender as limits } from "../../limits.ts";

/** Consecutive numbers that were refused with the same code. */
export type RefusedRun = { readonly first: number; readonly last: number; readonly code: string };

export type RefusedNumbers = readonly RefusedRun[];

export const noneRefused: RefusedNumbers = [];

/** `n` is refused too; those that are too far behind it are forgotten. */
export function withRefused(runs: RefusedNumbers, n: number, code: string): RefusedNumbers {
  const kept = runs.filter(({ last }) => last > n - limits.refusedNumbers);
  const before = kept.at(-1);
  if (before?.code !== code || before.last !== n - 1) return [...kept, { first: n, last: n, code }];
  return [...kept.slice(0, -1), { ...before, last: n }];
}

/** Those up to `n`. */
export function refusedUpTo(runs: RefusedNumbers, n: number): RefusedNumbers {
  if ((runs.at(-1)?.last ?? 0) <= n) return runs;
  return runs
    .filter(({ first }) => first <= n)
    .map((run) => (run.last <= n ? run : { ...run, last: n }));
}

/** As a store keeps it: `7-9:muted,12-12:text-invalid`; undefined: none. */
export function refusedText(runs: RefusedNumbers): string | undefined {
  if (runs.length === 0) return undefined;
  return runs.map(({ first, last, code }) => `${first}-${last}:${code}`).join(",");
}

/** What another version has written otherwise is left out. */
export function readRefused(text: string | null | undefined): RefusedNumbers {
  if (text === undefined || text === null || text === "") return noneRefused;
  return text.split(",").flatMap((run) => {
    const [, first, last, code] = /^(\d{1,15})-(\d{1,15}):([a-z-]+)$/.exec(run) ?? [];
    if (first === undefined || last === undefined || code === undefined) return [];
    return [{ first: Number(first), last: Number(last), code }];
  });
}
