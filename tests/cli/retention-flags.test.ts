// Retention flags; wrong values are in usage.test.ts.

import { expect, test } from "bun:test";
import { retentionOf } from "../../src/cli/retention-flags.ts";

const none = { age: undefined, messages: undefined, size: undefined };

test("ages, numbers and sizes with their units", () => {
  expect(retentionOf({ age: "90m", messages: "5", size: "500M" })).toEqual({
    maxAgeMs: 5_400_000,
    messages: 5,
    fileBytes: 500_000_000,
  });
  expect(retentionOf({ ...none, age: "12h" })).toEqual({ maxAgeMs: 43_200_000 });
  expect(retentionOf({ ...none, age: "3650d", size: "1T" })).toEqual({
    maxAgeMs: 3_650 * 86_400_000,
    fileBytes: 1e12,
  });
});

test("a flag that is not given stays undefined, so that the store's default applies", () => {
  expect(Object.keys(retentionOf(none))).toEqual([]);
});
