// The log of the page: order, confirmation, history, bounds. No browser.

import { expect, test } from "bun:test";
import {
  acknowledge,
  append,
  confirm,
  emptyLog,
  fail,
  failWaiting,
  forgetNumbers,
  maxEntries,
  merge,
  newestPrivate,
  oldestSeq,
  restore,
  type Entry,
  type Log,
  type SaidEntry,
} from "../../src/page/entries.ts";

function said(text: string, more: Partial<SaidEntry> = {}): Omit<SaidEntry, "key"> {
  return {
    kind: "said",
    from: "Ann",
    text,
    timeMs: 1_000,
    mine: false,
    to: undefined,
    seq: undefined,
    id: undefined,
    delivery: "sent",
    problem: undefined,
    ...more,
  };
}

const own = (id: number): Omit<SaidEntry, "key"> =>
  said(`own ${id}`, { mine: true, id, delivery: "waiting" });

function texts(log: Log): string[] {
  return log.entries.map((entry) => entry.text);
}

function build(...entries: readonly Parameters<typeof append>[1][]): Log {
  return entries.reduce(append, emptyLog);
}

test("one's own messages stay at the end until the room has given them a place", () => {
  let log = build(said("a", { seq: 1 }), own(1), own(2), said("b", { seq: 2 }));
  expect(texts(log)).toEqual(["a", "b", "own 1", "own 2"]);
  log = confirm(log, 1, { seq: 3, timeMs: 5_000, text: "own 1" })!;
  log = append(log, said("c", { seq: 4 }));
  expect(texts(log)).toEqual(["a", "b", "own 1", "c", "own 2"]);
  log = confirm(log, 2, { seq: 5, timeMs: 6_000, text: "own 2" })!;
  expect(texts(log)).toEqual(["a", "b", "own 1", "c", "own 2"]);
  expect(log.entries.map((entry) => (entry as SaidEntry).seq)).toEqual([1, 2, 3, 4, 5]);
});

test("an acknowledgement marks everything up to its number, and nothing that failed", () => {
  let log = build(own(1), own(2), own(3));
  log = fail(log, 1, "too long");
  log = acknowledge(log, 2);
  const states = (log.entries as SaidEntry[]).map((entry) => entry.delivery);
  expect(states).toEqual(["failed", "sent", "waiting"]);
  expect((log.entries[0] as SaidEntry).problem).toBe("too long");
});

test("what still waits when the session ends is marked as not sent", () => {
  const log = acknowledge(build(own(1), own(2)), 1);
  const states = (failWaiting(log, "over").entries as SaidEntry[]).map((entry) => entry.delivery);
  expect(states).toEqual(["sent", "failed"]);
});

test("one's own message is shown as the room has it", () => {
  const log = confirm(build(own(1)), 1, { seq: 1, timeMs: 0, text: "cleaned" })!;
  expect(texts(log)).toEqual(["cleaned"]);
});

test("an unknown confirmation and an empty acknowledgement change nothing", () => {
  const log = build(said("a", { seq: 1 }));
  expect(confirm(log, 9, { seq: 2, timeMs: 0, text: "" })).toBeUndefined();
  expect(acknowledge(log, 9)).toBe(log);
});

test("history goes to its places by number, without doubles, before what waits", () => {
  const log = build(
    { kind: "banner", text: "joined", timeMs: 2_500 },
    said("three", { seq: 3, timeMs: 3_000 }),
    own(1),
  );
  const older = [1, 2, 3, 4].map((seq) => said(`old ${seq}`, { seq, timeMs: seq * 1_000 }));
  const merged = merge(log, older, false);
  expect(texts(merged)).toEqual(["old 1", "old 2", "joined", "three", "old 4", "own 1"]);
  expect(oldestSeq(merged)).toBe(1);
  expect(new Set(merged.entries.map((entry) => entry.key)).size).toBe(6);
});

test("after a new beginning the same numbers are other messages", () => {
  const log = forgetNumbers(build(said("old one", { seq: 1, timeMs: 1_000 })));
  const merged = merge(log, [said("new one", { seq: 1, timeMs: 2_000 })], false);
  expect(texts(merged)).toEqual(["old one", "new one"]);
});

test("the log is bounded and says that there was more", () => {
  let log = emptyLog;
  for (let seq = 1; seq <= maxEntries + 1; seq++) log = append(log, said(String(seq), { seq }));
  expect(log.entries.length).toBeLessThanOrEqual(maxEntries);
  expect(log.entries.at(-1)?.text).toBe(String(maxEntries + 1));
  expect(log.hasEarlier).toBe(true);
});

test("private messages are kept within bounds, the newest first of all", () => {
  const log = build(
    said("old", { to: ["Bob"] }),
    said("to all", { seq: 1 }),
    said("four", { to: ["Bob"] }),
    said("five!", { to: ["Ann"] }),
  );
  const kept = (count: number, chars: number): string[] =>
    newestPrivate(log.entries, count, chars).map((entry) => entry.text);
  expect(kept(9, 99)).toEqual(["old", "four", "five!"]);
  expect(kept(2, 99)).toEqual(["four", "five!"]);
  expect(kept(9, 8)).toEqual(["five!"]);
});

test("what an earlier life of the page said privately has no number in this one", () => {
  const earlier = build(said("sent", { to: ["Bob"], id: 1 }), { ...own(2), to: ["Bob"] });
  const log = append(restore(emptyLog, earlier.entries as SaidEntry[]), own(2));
  const [sent, lost, waiting] = acknowledge(log, 2).entries as SaidEntry[];
  expect(sent).toMatchObject({ text: "sent", delivery: "sent", id: undefined });
  expect(lost).toMatchObject({ delivery: "failed", id: undefined });
  expect(lost?.problem).toContain("left");
  expect(waiting).toMatchObject({ delivery: "sent", id: 2 });
});

test("entries that do not change keep their identity, so that nothing is drawn again", () => {
  const log = build(said("a", { seq: 1 }), own(1));
  const after = acknowledge(log, 1);
  expect(after.entries[0]).toBe(log.entries[0] as Entry);
  expect(after.entries[1]).not.toBe(log.entries[1] as Entry);
});
