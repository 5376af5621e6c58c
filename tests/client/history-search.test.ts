// A client's search, with any answers of the server.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { HistorySearch } from "../../src/client/history-search.ts";
import { client as limits } from "../../src/limits.ts";

const message = (seq: number) => ({ seq, timeMs: 0, from: "Bob", text: `tea ${seq}` });

test("searches backwards until it has found enough, and returns the oldest first", () => {
  const search = new HistorySearch("den", "tea", 3);
  expect(search.request).toEqual({ type: "search", room: "den", text: "tea", limit: 3 });
  search.handle({ type: "found", room: "den", messages: [message(90)], next: 80 });
  expect(search.request).toMatchObject({ limit: 2, before: 80 });
  search.handle({ type: "found", room: "den", messages: [message(70), message(75)], next: 70 });
  expect(search.request).toBeUndefined();
  expect(search.found.map(({ seq }) => seq)).toEqual([70, 75, 90]);
  expect(search.isPart).toBe(true);
});

test("ends at the beginning of the room", () => {
  const search = new HistorySearch("den", "tea", 3);
  search.handle({ type: "found", room: "den", messages: [], next: undefined });
  expect([search.request, search.isPart]).toEqual([undefined, false]);
});

test("ends against any server", () => {
  const next = fc.option(fc.integer({ min: 0, max: 1_000_000_000 }), { nil: undefined });
  fc.assert(
    fc.property(fc.infiniteStream(next), (answers) => {
      const search = new HistorySearch("den", "tea", 3);
      let asked = 0;
      while (search.request !== undefined) {
        const { value } = answers.next();
        search.handle({ type: "found", room: "den", messages: [], next: value });
        expect(++asked).toBeLessThanOrEqual(limits.searchRequests);
      }
    }),
  );
});
