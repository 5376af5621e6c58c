// Runs packed into rows of JSON and back.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Said } from "../../src/chat/events.ts";
import { packRuns, type StoredRun, unpackRuns } from "../../src/store/packed-runs.ts";
import { harmless } from "../../src/text.ts";
import { logged, run, texts } from "./batches.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 }).map(harmless);
const runs = fc.array(
  fc
    .record({
      texts: fc.oneof(
        fc.array(text, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 200, max: 700 }).map(texts),
        fc.constant(["x".repeat(40_000)]),
      ),
      from: fc.oneof(text, fc.constant("Ann")),
      alias: fc.option(text, { nil: undefined }),
      n: fc.option(fc.nat(), { nil: undefined }),
      kind: fc.constantFrom("emote" as const, "notice" as const, undefined),
      timeMs: fc.constantFrom(1_000, 1_001),
    })
    .map(({ texts: all, ...fields }) => run("a", all, fields)),
  { maxLength: 6 },
);

test("unpacking restores the packed messages, all of them or any part", () => {
  fc.assert(
    fc.property(runs, fc.nat(1_000), fc.nat(1_000), (packed, from, length) => {
      const rows = packRuns(packed);
      const all = logged(packed, 5);
      const found: Said[] = [];
      const range = [5 + from, 5 + from + length - 1] as const;
      let firstSeq = 5;
      for (const { count, timeMs, runs: json } of rows) {
        expect(count).toBeLessThanOrEqual(256);
        const stored: StoredRun[] = JSON.parse(json);
        unpackRuns(stored, { room: "a", firstSeq, timeMs }, range, found);
        firstSeq += count;
      }
      expect(firstSeq - 5).toBe(all.length);
      expect(found).toEqual(all.slice(from, from + length));
    }),
  );
});

test("a row is readable to people", () => {
  const both = [run("a", ["x", 'y"'], { n: 5 }), run("a", ["z"], { timeMs: 1_001, alias: "B" })];
  expect(packRuns(both)).toEqual([
    {
      count: 3,
      timeMs: 1_000,
      runs: `[{"at":0,"from":"Ann","n":5,"texts":["x","y\\""]},{"at":2,"time":1001,"from":"Ann","alias":"B","texts":["z"]}]`,
    },
  ]);
  expect(packRuns([])).toEqual([]);
});
