// Which of a session's last numbered messages were refused for good, and why, and which recipients
// others did not reach. Part of its record: a client that has lost the refusals with its connection
// learns of them when it returns. Pure.

import { names, sender as limits } from "../../limits.ts";
import { beginning } from "../../text.ts";

/**
 * Consecutive numbers that were refused with the same code. `to`: a recipient whom a message has
 * not reached, although it has reached others.
 */
export type RefusedRun = {
  readonly first: number;
  readonly last: number;
  readonly code: string;
  readonly to?: string | undefined;
};

export type RefusedNumbers = readonly RefusedRun[];

export const noneRefused: RefusedNumbers = [];

/** `n` is refused too; those that are too far behind it are forgotten. */
export function withRefused(runs: RefusedNumbers, n: number, code: string): RefusedNumbers {
  const kept = recent(runs, n);
  const before = kept.at(-1);
  const follows = before?.to === undefined && before?.code === code && before.last === n - 1;
  if (!follows) return [...kept, { first: n, last: n, code }];
  return [...kept.slice(0, -1), { ...before, last: n }];
}

/** Message `n` has not reached `to`. Of too many, the first are forgotten. */
export function withMissed(
  runs: RefusedNumbers,
  n: number,
  code: string,
  to: string,
): RefusedNumbers {
  const kept = recent(runs, n);
  const missed = kept.filter((run) => run.to !== undefined);
  const oldest = missed.length < limits.missedRecipients ? undefined : missed[0];
  const run = { first: n, last: n, code, to: beginning(to, names.maxChars) };
  return [...kept.filter((one) => one !== oldest), run];
}

/** Those that are not too far behind message `n`. */
export function recent(runs: RefusedNumbers, n: number): RefusedNumbers {
  const first = n - limits.refusedNumbers + 1;
  // In order, and mostly there is none.
  return (runs[0]?.last ?? n) >= first ? runs : runs.filter(({ last }) => last >= first);
}

/** Those up to `n`. */
export function refusedUpTo(runs: RefusedNumbers, n: number): RefusedNumbers {
  if ((runs.at(-1)?.last ?? 0) <= n) return runs;
  return runs
    .filter(({ first }) => first <= n)
    .map((run) => (run.last <= n ? run : { ...run, last: n }));
}

/** As a store keeps it: `7-9:muted,12-12:unknown-user:Zed`; undefined: none. */
export function refusedText(runs: RefusedNumbers): string | undefined {
  if (runs.length === 0) return undefined;
  return runs
    .map(({ first, last, code, to }) => {
      const name = to === undefined ? "" : `:${encodeURIComponent(to.toWellFormed())}`;
      return `${first}-${last}:${code}${name}`;
    })
    .join(",");
}

/** What another version has written otherwise is left out. */
export function readRefused(text: string | null | undefined): RefusedNumbers {
  if (text === undefined || text === null || text === "") return noneRefused;
  return text.split(",").flatMap((run) => {
    const [, first, last, code, name] =
      /^(\d{1,15})-(\d{1,15}):([a-z-]+)(?::((?:[^%:]|%[\dA-F]{2})+))?$/.exec(run) ?? [];
    if (first === undefined || last === undefined || code === undefined) return [];
    const to = name === undefined ? {} : { to: decoded(name) };
    return [{ first: Number(first), last: Number(last), code, ...to }];
  });
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
