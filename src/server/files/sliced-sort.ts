// Sorts a large array in slices, so that the event loop can run in between. Knows nothing about the
// items.

/** Number of items sorted in one go; takes half a millisecond for strings. */
const runLength = 2_048;
/** Merge steps between checks of the clock, and the length of a slice. */
const mergeStep = 1_024;
const sliceMs = 2;

/** A sorted copy, ordered by code unit. */
export async function slicedSort(items: readonly string[]): Promise<string[]> {
  if (items.length <= runLength) return items.toSorted();
  const yieldIfDue = slicer();
  let runs: string[][] = [];
  for (let from = 0; from < items.length; from += runLength) {
    runs.push(items.slice(from, from + runLength).sort());
    await yieldIfDue();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      merged.push(await merge(runs[i] ?? [], runs[i + 1] ?? [], yieldIfDue));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(
  left: readonly string[],
  right: readonly string[],
  yieldIfDue: () => Promise<void> | undefined,
): Promise<string[]> {
  const merged: string[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const stop = merged.length + mergeStep;
    while (merged.length < stop && (l < left.length || r < right.length)) {
      const isLeft = r === right.length || (l < left.length && left[l]! <= right[r]!);
      merged.push(isLeft ? left[l++]! : right[r++]!);
    }
    await yieldIfDue();
  }
  return merged;
}

/** Yields to other work when a slice is used up. */
function slicer(): () => Promise<void> | undefined {
  let untilMs = performance.now() + sliceMs;
  return () => {
    if (performance.now() < untilMs) return undefined;
    return new Promise((go) =>
      setImmediate(() => {
        untilMs = performance.now() + sliceMs;
        go();
      }),
    );
  };
}
