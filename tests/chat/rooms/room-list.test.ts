// Pages of the room list.

import { expect, test } from "bun:test";
import { ownerAt } from "../../../src/share-owner.ts";
import { Room } from "../../../src/chat/rooms/room.ts";
import { roomPage } from "../../../src/chat/rooms/room-list.ts";

/** Rooms by name; each mention adds a member. */
function rooms(...names: string[]): Room[] {
  const byName = new Map<string, Room>();
  for (const [i, name] of names.entries()) {
    const room = byName.get(name) ?? new Room(name, 0, ownerAt("127.0.0.1"), 0);
    byName.set(name, room);
    const folded = `p${i}`;
    room.add({
      key: folded,
      name: folded,
      folded,
      alias: undefined,
      recordId: "",
      account: "",
      mailbox: "",
    });
  }
  return [...byName.values()];
}

test("lists rooms with members, sorted by name", () => {
  expect(roomPage(rooms("den", "attic", "lobby", "den"), undefined, 10)).toEqual({
    rooms: [
      { room: "attic", members: 1 },
      { room: "den", members: 2 },
      { room: "lobby", members: 1 },
    ],
    next: undefined,
  });
});

test("leaves out a room that its last member is leaving", () => {
  const empty = new Room("empty", 7, ownerAt("127.0.0.1"), 0);
  expect(roomPage([empty, ...rooms("den")], undefined, 10)).toEqual({
    rooms: [{ room: "den", members: 1 }],
    next: undefined,
  });
});

test("pages follow each other to the end", () => {
  const names = Array.from({ length: 25 }, (_, i) => `room${i}`);
  const all = rooms(...names);
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const page = roomPage(all, after, 7);
    seen.push(...page.rooms.map(({ room }) => room));
    after = page.next;
  } while (after !== undefined);
  expect(seen).toEqual([...names].sort());
});

test("a page may start after a room that no longer exists, in any letter case", () => {
  const all = rooms("a", "c");
  expect(roomPage(all, "B", 5).rooms).toEqual([{ room: "c", members: 1 }]);
  expect(roomPage(all, "C", 5)).toEqual({ rooms: [], next: undefined });
});
