// RangeSet against a simple, slow model: a set of numbers.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { RangeSet } from "../../src/transfer/ranges.ts";

type Step = readonly ["add" | "remove" | "overlap" | "fill", number, number];

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom("add" as const, "remove" as const, "overlap" as const, "fill" as const),
  fc.nat(60),
  fc.nat(20),
);

function members(ranges: [number, number][]): number[] {
  return ranges.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i));
}

test("behaves as a set of bytes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ranges = new RangeSet();
      const twin = new Set<number>();
      for (const [what, start, length] of steps) {
        const end = start + length;
        const inside = Array.from({ length }, (_, i) => start + i).filter((b) => twin.has(b));
        if (what === "add") {
          ranges.add(start, end);
          for (let b = start; b < end; b++) twin.add(b);
        } else if (what === "remove") {
          const removed: [number, number][] = [];
          expect(ranges.remove(start, end, (s, e) => removed.push([s, e]))).toBe(inside.length);
          expect(members(removed)).toEqual(inside);
          for (const b of inside) twin.delete(b);
        } else if (what === "overlap") {
          const seen: [number, number][] = [];
          ranges.overlap(start, end, (s, e) => seen.push([s, e]));
          expect(members(seen)).toEqual(inside);
          expect(ranges.meets(start, end)).toBe(inside.length > 0);
        } else {
          const [first, second] = ranges.toArray();
          ranges.fillFirstGap();
          if (first && second) for (let b = first[1]; b < second[0]; b++) twin.add(b);
        }
        const sorted = [...twin].sort((a, b) => a - b);
        expect(members(ranges.toArray())).toEqual(sorted);
        expect(ranges.bytes).toBe(twin.size);
        expect(ranges.firstByte).toBe(sorted[0] ?? Infinity);
        expect(ranges.isEmpty).toBe(twin.size === 0);
        // Ranges are separate and merged: there is always a gap between two.
        const array = ranges.toArray();
        for (let i = 1; i < array.length; i++)
          expect(array[i]![0]).toBeGreaterThan(array[i - 1]![1]);
      }
    }),
    { numRuns: 400 },
  );
});
