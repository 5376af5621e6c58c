// Pages of the list of rooms.

import { expect, test } from "bun:test";
import { roomPage } from "../../src/chat/room-list.ts";
import { Rig } from "./rig.ts";

function hubWith(...rooms: string[]) {
  const rig = new Rig();
  rooms.forEach((room, i) => rig.member(`p${i}`, { room }));
  return rig.hub.rooms;
}

test("rooms with people, sorted, whatever their order of coming", () => {
  const rooms = hubWith("den", "attic", "Lobby", "den");
  expect(roomPage(rooms.values(), undefined, 10)).toEqual({
    rooms: [
      { room: "attic", members: 1 },
      { room: "den", members: 2 },
      { room: "lobby", members: 1 },
    ],
    next: undefined,
  });
});

test("pages lead from one to the next and end", () => {
  const names = Array.from({ length: 25 }, (_, i) => `room${i}`);
  const rooms = hubWith(...names);
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const page = roomPage(rooms.values(), after, 7);
    seen.push(...page.rooms.map(({ room }) => room));
    after = page.next;
  } while (after !== undefined);
  expect(seen).toEqual([...names].sort());
});

test("a page may begin after a room that is gone, in any case", () => {
  const rooms = hubWith("a", "c");
  expect(roomPage(rooms.values(), "B", 5).rooms).toEqual([{ room: "c", members: 1 }]);
  expect(roomPage(rooms.values(), "C", 5)).toEqual({ rooms: [], next: undefined });
});
