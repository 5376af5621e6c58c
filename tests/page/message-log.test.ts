// The page's log: order, confirmation, history, bounds. No browser.

import { expect, test } from "bun:test";
import { array, assert, integer, property, uniqueArray } from "fast-check";
import {
  acknowledge,
  append,
  confirm,
  dropRoom,
  emptyLog,
  endSession,
  entriesIn,
  fail,
  forgetSeqs,
  hearOwn,
  maxEntries,
  mergeHistory,
  type Message,
  type MessageLog,
  type NewMessage,
  noticesSince,
  oldestSeq,
  renameRoom,
  restore,
  unrepeatable,
} from "../../src/page/message-log.ts";

function message(text: string, more: Partial<Message> = {}): NewMessage {
  return {
    kind: "message",
    room: "lobby",
    from: "Ann",
    text,
    timeMs: 1_000,
    mine: false,
    to: undefined,
    seq: undefined,
    id: undefined,
    delivery: "sent",
    problem: undefined,
    mentionsMe: false,
    ...more,
  };
}

const own = (id: number, more: Partial<Message> = {}): NewMessage =>
  message(`own ${id}`, { mine: true, id, delivery: "waiting", ...more });
const secret = (text: string, more: Partial<Message> = {}): NewMessage =>
  message(text, { room: undefined, to: ["Bob"], ...more });

function texts(log: Pick<MessageLog, "entries">): string[] {
  return log.entries.map((entry) => entry.text);
}

function messages(log: MessageLog): Message[] {
  return log.entries.filter((entry) => entry.kind === "message");
}

function build(...entries: readonly Parameters<typeof append>[1][]): MessageLog {
  return entries.reduce(append, emptyLog);
}

function confirmed(log: MessageLog, id: number, seq: number, text = `own ${id}`): MessageLog {
  const result = confirm(log, id, { seq, timeMs: seq * 1_000, text });
  if (result === undefined) throw new Error(`message ${id} is not in the log`);
  return result;
}

test("own messages stay at the end until the server assigns them a place", () => {
  let log = build(message("a", { seq: 1 }), own(1), own(2), message("b", { seq: 2 }));
  expect(texts(log)).toEqual(["a", "b", "own 1", "own 2"]);
  log = append(confirmed(log, 1, 3), message("c", { seq: 4 }));
  expect(texts(log)).toEqual(["a", "b", "own 1", "c", "own 2"]);
  log = confirmed(log, 2, 5);
  expect(texts(log)).toEqual(["a", "b", "own 1", "c", "own 2"]);
  expect(messages(log).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
});

test("an acknowledgement marks everything up to its number, except what failed", () => {
  const log = acknowledge(fail(build(own(1), own(2), own(3)), 1, "too long"), 2);
  expect(messages(log).map(({ delivery }) => delivery)).toEqual(["failed", "sent", "waiting"]);
  expect(messages(log)[0]?.problem).toBe("too long");
});

test("when the session ends, waiting messages fail and the numbers are free again", () => {
  const over = endSession(acknowledge(build(own(1), own(2)), 1), "over");
  expect(messages(over).map(({ delivery }) => delivery)).toEqual(["sent", "failed"]);
  // The next session also counts from 1: its failures do not belong to old messages.
  const next = fail(append(over, own(1)), 1, "refused");
  expect(messages(next).map(({ problem }) => problem)).toEqual([undefined, "over", "refused"]);
});

test("an own message is shown as the server has it", () => {
  expect(texts(confirmed(build(own(1)), 1, 1, "cleaned"))).toEqual(["cleaned"]);
});

test("an unknown confirmation and an empty acknowledgement change nothing", () => {
  const log = build(message("a", { seq: 1 }));
  expect(confirm(log, 9, { seq: 2, timeMs: 0, text: "" })).toBeUndefined();
  expect(acknowledge(log, 9)).toBe(log);
});

test("history is inserted by number, once, before waiting messages", () => {
  const log = build(
    { kind: "notice", room: "lobby", text: "joined", timeMs: 2_500 },
    message("three", { seq: 3, timeMs: 3_000 }),
    own(1),
  );
  const older = [1, 2, 3, 4].map((seq) => message(`old ${seq}`, { seq, timeMs: seq * 1_000 }));
  const merged = mergeHistory(log, "lobby", older);
  expect(texts(merged)).toEqual(["old 1", "old 2", "joined", "three", "old 4", "own 1"]);
  expect(oldestSeq(merged, "lobby")).toBe(1);
  expect(new Set(merged.entries.map(({ key }) => key)).size).toBe(6);
  expect(mergeHistory(merged, "lobby", older)).toBe(merged);
});

test("history of one room does not affect another's numbers", () => {
  const log = build(message("den 1", { room: "den", seq: 1, timeMs: 5_000 }));
  const merged = mergeHistory(log, "lobby", [message("lobby 1", { seq: 1, timeMs: 9_000 })]);
  expect(texts({ entries: entriesIn(merged, "lobby") })).toEqual(["lobby 1"]);
  expect(texts({ entries: entriesIn(merged, "den") })).toEqual(["den 1"]);
});

test("for any existing entries, history leaves each room in the order of its numbers", () => {
  const seqs = uniqueArray(integer({ min: 1, max: 40 }), { maxLength: 20 });
  assert(
    property(seqs, seqs, array(integer({ min: 0, max: 1 })), (live, past, rooms) => {
      const inOrder = live.toSorted((a, b) => a - b);
      const log = build(
        ...inOrder.map((seq, i) => {
          const room = rooms[i] === 1 ? "den" : "lobby";
          return message(`${room} ${seq}`, { room, seq, timeMs: 50_000 - seq });
        }),
      );
      const older = past
        .toSorted((a, b) => a - b)
        .map((seq) => message(`lobby ${seq}`, { seq, timeMs: seq }));
      const merged = mergeHistory(log, "lobby", older);
      for (const room of ["lobby", "den"]) {
        const found = messages(merged).filter((entry) => entry.room === room);
        const numbers = found.map(({ seq = 0 }) => seq);
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      }
    }),
  );
});

test("after the server has started a new log, equal numbers are different messages", () => {
  const log = forgetSeqs(build(message("old", { seq: 1, timeMs: 1_000 })));
  const merged = mergeHistory(log, "lobby", [message("new", { seq: 1, timeMs: 2_000 })]);
  expect(texts(merged)).toEqual(["old", "new"]);
});

test("a room's timeline holds its own entries and those for all rooms", () => {
  const log = build(
    message("lobby", { seq: 1 }),
    message("den", { room: "den", seq: 1 }),
    secret("private"),
    { kind: "notice", room: undefined, text: "reconnected", timeMs: 1_000 },
  );
  expect(texts({ entries: entriesIn(log, "den") })).toEqual(["den", "private", "reconnected"]);
  expect(texts({ entries: entriesIn(log, undefined) })).toEqual(["private", "reconnected"]);
  expect(texts(dropRoom(log, "den"))).toEqual(["lobby", "private", "reconnected"]);
  expect(texts({ entries: entriesIn(renameRoom(log, "den", "Den"), "Den") })).toContain("den");
});

test("notices are announced once, in their room, and not those of joins", () => {
  const base = { kind: "notice", timeMs: 0 } as const;
  let log = append(emptyLog, { ...base, room: "den", text: "You joined den" });
  const from = log.nextKey;
  log = append(log, { ...base, room: "den", text: "Usage: /msg NAME TEXT" });
  log = append(log, { ...base, room: "lobby", text: "Topic: tea" });
  log = append(log, { ...base, room: undefined, text: "reconnected after 3 s" });
  const change = { kind: "joined", name: "Bob" } as const;
  log = append(log, { ...base, room: "den", text: "Bob joined", change });
  expect(noticesSince(log, from, "den")).toEqual([
    "Usage: /msg NAME TEXT",
    "reconnected after 3 s",
  ]);
  expect(noticesSince(log, log.nextKey, "den")).toEqual([]);
});

test("the log is bounded, and a busy room does not displace quiet ones", () => {
  let log = build(message("quiet", { room: "den", seq: 1 }), secret("private"));
  for (let seq = 1; seq <= maxEntries; seq++) log = append(log, message(String(seq), { seq }));
  expect(log.entries.length).toBeLessThanOrEqual(maxEntries);
  expect(log.entries.at(-1)?.text).toBe(String(maxEntries));
  expect(texts(log).slice(0, 2)).toEqual(["quiet", "private"]);
  expect(oldestSeq(log, "lobby")).toBeGreaterThan(1);
});

test("messages that only this page knows are kept within bounds, the newest first", () => {
  const log = build(
    secret("old"),
    message("repeatable", { seq: 1 }),
    secret("four"),
    own(1),
    secret("five!"),
  );
  const kept = (count: number, chars: number): string[] =>
    unrepeatable(log, count, chars).map(({ text }) => text);
  expect(kept(9, 99)).toEqual(["old", "four", "five!", "own 1"]);
  expect(kept(2, 99)).toEqual(["five!", "own 1"]);
  expect(kept(9, 11)).toEqual(["five!", "own 1"]);
});

test("messages of an earlier session have no number in this one; unconfirmed ones have failed", () => {
  const earlier = [secret("sent", { id: 1, mine: true }), own(2)];
  const log = append(restore(emptyLog, earlier), own(2));
  const [sent, lost, waiting] = messages(acknowledge(log, 2));
  expect(sent).toMatchObject({ text: "sent", delivery: "sent", id: undefined });
  expect(lost).toMatchObject({ delivery: "failed", id: undefined });
  expect(lost?.problem).toContain("reloaded");
  expect(waiting).toMatchObject({ delivery: "sent", id: 2 });
});

test("entries that do not change keep their identity, so that nothing is rendered again", () => {
  const log = build(message("a", { seq: 1 }), own(1));
  const after = acknowledge(log, 1);
  expect(after.entries[0]).toBe(log.entries[0]!);
  expect(after.entries[1]).not.toBe(log.entries[1]!);
});

const note = (id: number, to: string): NewMessage =>
  secret("note", { to: [to], mine: true, id, delivery: "waiting" });

test("a private message to oneself is shown once, on the device that sent it", () => {
  let log = build(note(1, "Bob"), note(2, "ann"), note(3, "Ann"));
  for (const id of [2, 3]) {
    const heard = hearOwn(log, "Ann", "note");
    expect(messages(heard ?? emptyLog).filter(({ isHeard }) => isHeard)).toHaveLength(id - 1);
    log = heard ?? emptyLog;
  }
  expect(texts(log)).toEqual(["note", "note", "note"]);
  // These came from another device.
  expect(hearOwn(log, "Ann", "note")).toBeUndefined();
  expect(hearOwn(build(note(1, "Ann")), "Ann", "another")).toBeUndefined();
});
