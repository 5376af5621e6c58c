// Which room is in front, and what is kept of the others.

import { describe, expect, test } from "bun:test";
import { terminal as limits } from "../../src/limits.ts";
import { OpenRooms, type RoomMessage } from "../../src/terminal/open-rooms.ts";

let lastSeq = 0;

function message(room: string, text: string, mine = false): RoomMessage {
  const seq = ++lastSeq;
  const said = { type: "message", room, seq, timeMs: 0, from: "Bob", text } as const;
  return { ...said, mine, id: undefined, replayed: false };
}

function texts({ messages }: { messages: readonly RoomMessage[] }): string[] {
  return messages.map(({ text }) => text);
}

describe("open rooms", () => {
  test("are compared as names are, and spelled as the server does", () => {
    const rooms = new OpenRooms();
    rooms.bringToFront("DEN");
    rooms.add("Den");
    expect(rooms.current).toBe("Den");
    expect(rooms.isCurrent("den")).toBe(true);
  });

  test("give way to the one that was in front before", () => {
    const rooms = new OpenRooms();
    for (const room of ["a", "b", "c", "a"]) rooms.bringToFront(room);
    expect(rooms.remove("b")).toBeUndefined();
    expect(rooms.current).toBe("a");
    expect(rooms.remove("a")).toBe("c");
    rooms.bringToFront("c");
    expect(rooms.remove("c")).toBeUndefined();
    expect(rooms.current).toBeUndefined();
  });

  test("count what others say in the background, mentions first", () => {
    const rooms = new OpenRooms();
    for (const room of ["a", "b", "c"]) rooms.bringToFront(room);
    rooms.miss(message("a", "one"), false);
    rooms.miss(message("b", "two"), true);
    rooms.miss(message("b", "three"), false);
    rooms.miss(message("b", "ours", true), false);
    rooms.miss(message("nowhere", "lost"), true);
    expect(rooms.unread).toEqual([
      { room: "b", messages: 2, isMentioned: true },
      { room: "a", messages: 1, isMentioned: false },
    ]);
    const missed = rooms.bringToFront("b");
    expect(texts(missed)).toEqual(["two", "three", "ours"]);
    expect(missed.earlier).toBe(0);
    expect(rooms.unread.map(({ room }) => room)).toEqual(["a"]);
    expect(texts(rooms.bringToFront("b"))).toEqual([]);
  });

  test("keep the last messages, bounded in number and in characters", () => {
    const rooms = new OpenRooms();
    rooms.bringToFront("a");
    rooms.bringToFront("b");
    for (let i = 0; i < 100; i++) rooms.miss(message("a", `${i}`), false);
    const few = rooms.bringToFront("a");
    expect(few.messages.length).toBe(limits.missedMessages);
    expect(few.earlier).toBe(100 - limits.missedMessages);
    expect(texts(few).at(-1)).toBe("99");
    for (let i = 0; i < 10; i++) rooms.miss(message("b", "x".repeat(16_384)), false);
    const long = rooms.bringToFront("b");
    expect(long.messages.length).toBe(4);
    expect(long.earlier).toBe(6);
  });
});
