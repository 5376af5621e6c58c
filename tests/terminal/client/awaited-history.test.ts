// Messages that arrive before a room's history.

import { expect, test } from "bun:test";
import { terminal as limits } from "../../../src/limits.ts";
import { deletedText } from "../../../src/protocol/messages.ts";
import { AwaitedHistory } from "../../../src/terminal/client/awaited-history.ts";
import type { ChatMessage } from "../../../src/terminal/client/open-rooms.ts";

function message(room: string, seq: number): ChatMessage {
  const said = { type: "message", room, seq, timeMs: 0, from: "Bob", text: "x" } as const;
  return { ...said, mine: false, id: undefined, replayed: false };
}

const past = (seq: number) => ({ seq, timeMs: 0, from: "Bob", text: "x" });

test("waits for the history, and is not shown twice", () => {
  const awaited = new AwaitedHistory();
  awaited.expect(1, "den");
  expect(awaited.hold(message("lobby", 1))).toBe(false);
  for (const seq of [4, 5, 6]) expect(awaited.hold(message("Den", seq))).toBe(true);
  expect(awaited.release(2)).toBeUndefined();
  const joined = { type: "joined", room: "den", name: "Cal" } as const;
  expect(awaited.hold(joined)).toBe(true);
  expect(awaited.hold({ type: "renamed", room: undefined, from: "Cal", to: "Carl" })).toBe(false);
  expect(awaited.release(1, [past(4), past(5)])).toEqual([message("Den", 6), joined]);
  expect(awaited.hold(message("den", 7))).toBe(false);
});

test("is complete if the history does not arrive", () => {
  const awaited = new AwaitedHistory();
  awaited.expect(1, "den");
  awaited.hold(message("den", 4));
  expect(awaited.release(1)?.length).toBe(1);
});

test("waits in bounded numbers", () => {
  const awaited = new AwaitedHistory();
  awaited.expect(1, "den");
  let held = 0;
  while (awaited.hold(message("den", held + 1))) held++;
  expect(held).toBe(limits.heldMessages);
});

test("what is deleted meanwhile is shown without its text", () => {
  const awaited = new AwaitedHistory();
  awaited.expect(1, "den");
  for (const seq of [4, 5]) awaited.hold(message("den", seq));
  awaited.handleDeleted({ type: "deleted", room: "Den", seq: 4 });
  expect(awaited.release(1)).toEqual([
    { ...message("den", 4), text: deletedText, deleted: true },
    message("den", 5),
  ]);
});
