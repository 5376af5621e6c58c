// The current room, and the state of the others.

import { describe, expect, test } from "bun:test";
import { terminal as limits } from "../../../src/limits.ts";
import { deletedText } from "../../../src/protocol/messages.ts";
import { OpenRooms, type ChatMessage } from "../../../src/terminal/client/open-rooms.ts";

let lastSeq = 0;

function message(room: string, text: string, mine = false): ChatMessage {
  const seq = ++lastSeq;
  const said = { type: "message", room, seq, timeMs: 0, from: "Bob", text } as const;
  return { ...said, mine, id: undefined, replayed: false };
}

function texts({ messages }: { messages: readonly ChatMessage[] }): string[] {
  return messages.map(({ text }) => text);
}

describe("open rooms", () => {
  test("are compared like names, and spelled like the server", () => {
    const rooms = new OpenRooms();
    rooms.switchTo("DEN");
    rooms.add("Den");
    expect(rooms.current).toBe("Den");
    expect(rooms.isCurrent("den")).toBe(true);
  });

  test("make the previously current room current when closed", () => {
    const rooms = new OpenRooms();
    for (const room of ["a", "b", "c", "a"]) rooms.switchTo(room);
    expect(rooms.remove("b")).toBeUndefined();
    expect(rooms.current).toBe("a");
    expect(rooms.remove("a")).toBe("c");
    rooms.switchTo("c");
    expect(rooms.remove("c")).toBeUndefined();
    expect(rooms.current).toBeUndefined();
  });

  test("count background messages, mentions first", () => {
    const rooms = new OpenRooms();
    for (const room of ["a", "b", "c"]) rooms.switchTo(room);
    rooms.miss(message("a", "one"), false);
    rooms.miss(message("b", "two"), true);
    rooms.miss(message("b", "three"), false);
    rooms.miss(message("b", "ours", true), false);
    rooms.miss(message("nowhere", "lost"), true);
    expect(rooms.unread).toEqual([
      { room: "b", messages: 2, isMentioned: true },
      { room: "a", messages: 1, isMentioned: false },
    ]);
    const missed = rooms.switchTo("b");
    expect(texts(missed)).toEqual(["two", "three", "ours"]);
    expect(missed.earlier).toBe(0);
    expect(rooms.unread.map(({ room }) => room)).toEqual(["a"]);
    expect(texts(rooms.switchTo("b"))).toEqual([]);
  });

  test("do not keep the text of a message that is deleted before it is shown", () => {
    const rooms = new OpenRooms();
    for (const room of ["a", "b"]) rooms.switchTo(room);
    const secret = message("a", "a secret");
    rooms.miss(secret, false);
    rooms.miss(message("a", "fine"), false);
    rooms.handleDeleted({ type: "deleted", room: "A", seq: secret.seq });
    const missed = rooms.switchTo("a");
    expect(texts(missed)).toEqual([deletedText, "fine"]);
    expect(missed.messages.map(({ deleted }) => deleted)).toEqual([true, undefined]);
  });

  test("have no mention left once it is deleted, unless there were others", () => {
    const rooms = new OpenRooms();
    for (const room of ["a", "b"]) rooms.switchTo(room);
    const isMentioned = () => rooms.unread.map((one) => one.isMentioned);
    const [one, two] = [message("a", "one"), message("a", "two")];
    for (const mention of [one, two]) rooms.miss(mention, true);
    const erase = ({ seq }: ChatMessage) =>
      rooms.handleDeleted({ type: "deleted", room: "a", seq });
    erase(one);
    expect(isMentioned()).toEqual([true]);
    erase(two);
    expect(isMentioned()).toEqual([false]);
    rooms.miss(message("a", "three"), true);
    for (let i = 0; i < limits.missedMessages; i++) rooms.miss(message("a", "more"), false);
    expect(isMentioned()).toEqual([true]);
  });

  test("keep the last messages, bounded in number and in characters", () => {
    const rooms = new OpenRooms();
    rooms.switchTo("a");
    rooms.switchTo("b");
    for (let i = 0; i < 100; i++) rooms.miss(message("a", `${i}`), false);
    const few = rooms.switchTo("a");
    expect(few.messages.length).toBe(limits.missedMessages);
    expect(few.earlier).toBe(100 - limits.missedMessages);
    expect(texts(few).at(-1)).toBe("99");
    for (let i = 0; i < 10; i++) rooms.miss(message("b", "x".repeat(16_384)), false);
    const long = rooms.switchTo("b");
    expect(long.messages.length).toBe(4);
    expect(long.earlier).toBe(6);
  });
});
