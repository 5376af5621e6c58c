// How entries are grouped, which days they belong to, and their saved file.

import { expect, test } from "bun:test";
import { append, emptyLog, type Message, type NewMessage } from "../../src/page/message-log.ts";
import { dayLabel, startsDay, startsGroup, untilMidnightMs } from "../../src/page/timeline.ts";
import { transcript } from "../../src/page/transcript.ts";

const noonMs = new Date(2026, 1, 3, 12).getTime();

function message(more: Partial<Message>): NewMessage {
  return {
    kind: "message",
    room: "lobby",
    from: "Ann",
    text: "hi",
    timeMs: noonMs,
    mine: false,
    to: undefined,
    seq: 1,
    id: undefined,
    delivery: "sent",
    problem: undefined,
    mentionsMe: false,
    ...more,
  };
}

test("consecutive messages of one user are one group", () => {
  const log = [0, 10_000, 20 * 60_000]
    .map((laterMs) => message({ timeMs: noonMs + laterMs }))
    .reduce(append, emptyLog);
  const starts = log.entries.map((entry, i) => startsGroup(entry, log.entries[i - 1]));
  expect(starts).toEqual([true, false, true]);
});

test("other recipients start another group", () => {
  const log = [message({}), message({ room: undefined, to: ["Bob"] })].reduce(append, emptyLog);
  expect(startsGroup(log.entries[1]!, log.entries[0])).toBe(true);
});

test("sealed and unsealed messages are separate groups", () => {
  const toBob = { room: undefined, to: ["Bob"] };
  const log = [message(toBob), message({ ...toBob, isSealed: true }), message(toBob)];
  const { entries } = log.reduce(append, emptyLog);
  const starts = entries.map((entry, i) => startsGroup(entry, entries[i - 1]));
  expect(starts).toEqual([true, true, true]);
});

test("days are named", () => {
  const log = [message({}), message({ timeMs: noonMs + 1 })].reduce(append, emptyLog);
  const starts = log.entries.map((entry, i) => startsDay(entry, log.entries[i - 1]));
  expect(starts).toEqual([true, false]);
  expect(dayLabel(noonMs, noonMs + 1)).toBe("Today");
  expect(dayLabel(noonMs, new Date(2026, 1, 4, 23, 59).getTime())).toBe("Yesterday");
  expect(dayLabel(noonMs, new Date(2026, 1, 5).getTime())).toContain("2026");
});

test("midnight is the beginning of the next day", () => {
  for (const hour of [0, 12, 23]) {
    const nowMs = new Date(2026, 1, 28, hour, 59, 59, 1).getTime();
    expect(nowMs + untilMidnightMs(nowMs)).toBe(new Date(2026, 2, 1).getTime());
  }
});

test("a saved conversation has a line for each entry", () => {
  const timeMs = new Date(2026, 1, 3, 4, 5, 6).getTime();
  let log = append(emptyLog, message({ timeMs }));
  log = append(log, message({ timeMs, room: undefined, to: ["Bob"], text: "psst" }));
  log = append(log, { kind: "notice", room: "lobby", timeMs, text: "Bob left" });
  log = append(log, message({ timeMs, text: "lost", delivery: "failed" }));
  log = append(log, { kind: "notice", room: "lobby", timeMs, text: "two\nlines" });
  expect(transcript(log.entries).split("\n")).toEqual([
    "[2026-02-03 04:05:06] Ann: hi",
    "[2026-02-03 04:05:06] Ann (private to Bob): psst",
    "[2026-02-03 04:05:06] * Bob left",
    "[2026-02-03 04:05:06] Ann: lost (not sent)",
    "[2026-02-03 04:05:06] * two; lines",
    "",
  ]);
});
