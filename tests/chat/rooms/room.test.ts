// A room's members on this server and on others.

import { expect, test } from "bun:test";
import { ForeignRoster } from "../../../src/chat/elsewhere/foreign-roster.ts";
import { Room } from "../../../src/chat/rooms/room.ts";
import { ownerAt } from "../../../src/share-owner.ts";

test("somebody who is connected to several servers counts once", () => {
  const elsewhere = new ForeignRoster();
  const room = new Room("den", 0, ownerAt("::1"), 0, elsewhere);
  expect([room.memberCount, room.isPopulated]).toEqual([0, false]);
  for (const folded of ["ben", "ann"]) elsewhere.add({ server: "east", folded, name: folded });
  expect([room.memberCount, room.isPopulated]).toEqual([2, true]);
  for (const folded of ["ann", "cora"]) room.roster.set(folded, folded);
  expect([room.memberCount, room.names().length]).toEqual([3, 3]);
});
