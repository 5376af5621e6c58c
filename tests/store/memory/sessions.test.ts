// The sessions in memory, when a stranger has given one name to very many of them.

import { expect, test } from "bun:test";
import { history } from "../../../src/limits.ts";
import { MemorySessions } from "../../../src/store/memory/sessions.ts";
import { cpuMsOf } from "../../cpu-time.ts";

const most = 40_000;

function update(n: number, name = "x") {
  return { id: `id ${n}`, name, n: 1, refused: undefined, network: "192.0.2.1", seenMs: n };
}

test("too many sessions of one name are removed in little time, and the last one is found", () => {
  const sessions = new MemorySessions(most, () => {});
  const all = Math.floor(most * 1.125) + 1;
  for (let n = 0; n < all - 1; n++) sessions.put(update(n), n);
  // 50 here; it took three seconds.
  expect(cpuMsOf(() => sessions.put(update(all - 1), all - 1))).toBeLessThan(500);
  expect(sessions.find("x", 0)?.id).toBe(`id ${all - 1}`);
  expect(sessions.load("id 0")).toBeUndefined();
});

test("of very many sessions of one name, only those that got it last are looked at", () => {
  const sessions = new MemorySessions(most, () => {});
  for (let n = history.maxNamesakes; n >= 0; n--) sessions.put(update(n), n);
  expect(sessions.find("x", 0)?.id).toBe(`id ${history.maxNamesakes - 1}`);
});

test("whoever had a name before is found once the later ones have another, in any order", () => {
  const sessions = new MemorySessions(most, () => {});
  for (let n = 0; n < 6; n++) sessions.put(update(n), n);
  for (const [renamed, found] of [
    [2, 5],
    [5, 4],
    [0, 4],
    [4, 3],
    [3, 1],
  ] as const) {
    sessions.put(update(renamed, "y"), 10);
    expect(sessions.find("x", 0)?.id).toBe(`id ${found}`);
  }
  sessions.delete("id 1");
  expect(sessions.find("x", 0)).toBeUndefined();
  expect(sessions.find("y", 0)?.id).toBe("id 5");
  sessions.delete("id 5");
  expect(sessions.find("y", 0)?.id).toBe("id 4");
});
