// Runs of joins and parts: what is folded, what is not, and the text of the line.

import { expect, test } from "bun:test";
import { append, emptyLog, type PersonChange } from "../../src/page/message-log.ts";
import { newRoom, initialState, type State } from "../../src/page/state.ts";
import { reduce } from "../../src/page/reducer.ts";
import type { SessionEvent } from "../../src/client/events.ts";
import { foldRuns, holds, isSameItem, runText, type Run } from "../../src/page/presence-runs.ts";

const noonMs = new Date(2026, 1, 3, 12).getTime();

const inLobby: State = { ...initialState, name: "Me", rooms: [newRoom("lobby")], shown: "lobby" };

const joined = (name: string): SessionEvent => ({ type: "joined", room: "lobby", name });
const left = (
  name: string,
  reason: Extract<SessionEvent, { type: "left" }>["reason"],
): SessionEvent => ({ type: "left", room: "lobby", name, reason });
const renamed = (from: string, to: string): SessionEvent => {
  return { type: "renamed", room: "lobby", from, to };
};
const said = (text: string): SessionEvent => {
  const place = { room: "lobby", seq: 1, timeMs: noonMs, replayed: false } as const;
  return {
    type: "message",
    ...place,
    from: "Ann",
    text,
    mine: false,
    id: undefined,
    kind: undefined,
  };
};

function entriesAfter(...events: readonly SessionEvent[]) {
  const after = events.reduce<State>(
    (state, event) => reduce(state, { type: "session-event", event, nowMs: noonMs }),
    inLobby,
  );
  return after.log.entries;
}

/** Each item as shown by the page, with runs in brackets. */
function shown(...events: readonly SessionEvent[]): string[] {
  return foldRuns(entriesAfter(...events)).map((item) =>
    item.kind === "run" ? `[${runText(item)}]` : item.text,
  );
}

test("three changes in a row are one line, two are two", () => {
  expect(shown(joined("Ann"), joined("Bob"))).toEqual(["Ann joined", "Bob joined"]);
  expect(shown(joined("Ann"), joined("Bob"), joined("Eve"))).toEqual(["[Ann, Bob and Eve joined]"]);
});

test("many users are counted", () => {
  const crowd = Array.from({ length: 14 }, (_, i) => joined(["Ann", "Bob"][i] ?? `x${i}`));
  expect(shown(...crowd)).toEqual(["[Ann, Bob and 12 others joined]"]);
});

test("each kind of change has a part, in which each user is named once", () => {
  expect(
    shown(
      joined("Ann"),
      left("Bob", "parted"),
      left("Ann", "lost"),
      joined("Ann"),
      left("Eve", "quit"),
      renamed("Dan", "Daniel"),
      joined("Joe"),
    ),
  ).toEqual([
    "[Ann and Joe joined; Bob left; Ann lost the connection; Eve disconnected; Dan is now Daniel]",
  ]);
  expect(shown(renamed("A", "B"), renamed("C", "D"), renamed("E", "F"))).toEqual([
    "[A, C and E changed their names]",
  ]);
});

test("messages, removals, one's own name and another day end a run", () => {
  const pair = [joined("Ann"), joined("Bob")];
  expect(shown(...pair, said("hi"), ...pair)).toHaveLength(5);
  expect(shown(...pair, left("Eve", "kicked"), joined("Joe"))).toHaveLength(4);
  expect(shown(...pair, renamed("Me", "Myself"), joined("Joe"))).toHaveLength(4);
  const change: PersonChange = { kind: "joined", name: "Ann" };
  const at = (timeMs: number) =>
    ({ kind: "notice", room: "lobby", text: "Ann joined", timeMs, change }) as const;
  const midnightMs = new Date(2026, 1, 4).getTime();
  const log = [-3, -2, -1, 0, 1, 2].map((ms) => at(midnightMs + ms)).reduce(append, emptyLog);
  expect(foldRuns(log.entries).map((item) => item.kind)).toEqual(["run", "run"]);
});

test("a run loses no entry, and keeps its key while it grows", () => {
  const events = ["Ann", "Bob", "Eve", "Joe"].map(joined);
  const entries = entriesAfter(...events);
  const [three, four] = [foldRuns(entries.slice(0, 3))[0], foldRuns(entries)[0]] as Run[];
  expect<readonly unknown[] | undefined>(four?.entries).toEqual([...entries]);
  expect(four?.key).toBe(three!.key);
  for (const { key } of entries) expect(holds(four!, key)).toBe(true);
  expect(holds(three!, entries[3]!.key)).toBe(false);
  expect(isSameItem(three!, four!)).toBe(false);
  expect(isSameItem(four!, foldRuns(entries)[0]!)).toBe(true);
});
