// User lists sent to members unasked: eventually correct, and within a budget per second while many
// users join and leave.

import { expect, spyOn, test } from "bun:test";
import type { Dialect } from "../../src/chat/dialect.ts";
import { Room } from "../../src/chat/rooms/room.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { output } from "../../src/limits.ts";
import { keptBy } from "./inspect.ts";
import { Neighbours } from "./neighbours.ts";
import { owner } from "./owner.ts";
import { Rig } from "./rig.ts";

const lists = {
  "open-chat": { dialect: openChat, line: /^ALL [^\n]*\n/gm },
  "select-chat": { dialect: selectChat, line: /^__users__ [^\n]*\n/gm },
};

for (const [name, { dialect, line }] of Object.entries(lists)) {
  test(`${name}: no member gets more than the budget and one list per second`, () => {
    const rig = new Rig();
    const ann = rig.client(dialect).send("Ann");
    const crowd = 400;
    const seen: { atMs: number; bytes: number }[] = [];
    let last = "";
    let longest = 0;
    const read = () => {
      for (const [list] of ann.text().matchAll(line)) {
        seen.push({ atMs: rig.nowMs, bytes: Buffer.byteLength(list) });
        longest = Math.max(longest, list.length);
        last = list;
      }
    };
    const people = Array.from({ length: crowd }, () => rig.client(openChat));
    for (const [i, person] of people.entries()) {
      person.send(`person-number-${i}`);
      rig.pass(3);
      read();
    }
    for (const person of people.slice(0, crowd / 2)) {
      person.close();
      rig.pass(3);
      read();
    }
    for (let i = 0; i < 100; i++) {
      rig.pass(100);
      read();
    }
    expect(last.match(/person-number-\d+/g)).toHaveLength(crowd / 2);
    for (const { atMs } of seen) {
      const within = seen.filter((list) => list.atMs >= atMs && list.atMs < atMs + 1_000);
      const bytes = within.reduce((sum, list) => sum + list.bytes, 0);
      expect(bytes).toBeLessThanOrEqual(output.rosterBytesPerSecond + longest);
    }
    const spanS = (seen.at(-1)!.atMs - seen[0]!.atMs) / 1000;
    const total = seen.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(total / (spanS + 1)).toBeLessThanOrEqual(output.rosterBytesPerSecond);
    expect(keptBy(rig.hub).schedule).toBe(0);
  });
}

/** The number of characters one member receives while others join. */
function bytesFor(crowd: number): number {
  const rig = new Rig();
  const ann = rig.client(openChat).send("Ann");
  for (let i = 0; i < crowd; i++) {
    rig.client(openChat).queue(`p${i}`);
    if (i % 50 === 49) rig.settle();
  }
  rig.settle();
  return ann.text().length;
}

test("a join costs each member a line, not a list", () => {
  // Twice as many users: twice as many lines, the same budget for lists.
  expect(bytesFor(1_000)).toBeLessThan(2.5 * bytesFor(500) + output.rosterBytesPerSecond);
});

test("no list is rendered while the budget is exhausted", () => {
  const rig = new Rig();
  const ann = rig.client(openChat).send("Ann");
  ann.text();
  const listing = spyOn(Room.prototype, "names");
  for (let i = 0; i < 500; i++) rig.client(openChat).send(`person-number-${i}`);
  for (let i = 0; i < 10; i++) rig.pass(1);
  const heard = ann.text().match(lists["open-chat"].line)!.length;
  expect(heard).toBeLessThan(100);
  expect(listing).toHaveBeenCalledTimes(heard);
  listing.mockRestore();
});

/** Ann at her desk in the lobby; her name has a password. */
function withPassword(rig: Rig): void {
  owner(rig, "Ann", "desk").send({ type: "set-password", password: "correct horse", ref: 1 });
}

/** What an old client of Ann's receives once it has sent her name and password. */
function loggedIn(rig: Rig, dialect: Dialect): string {
  const client = rig.client(dialect).send("Ann");
  rig.pass(200, 20);
  client.text();
  client.send("correct horse");
  rig.pass(200, 20);
  return client.text();
}

test.each([
  ["open-chat", openChat, "ALL Bob \n"],
  ["select-chat", selectChat, "__users__ Ann,Bob\n"],
])("%s: another device of a member gets the list, though nobody has joined", (_, dialect, list) => {
  const rig = new Rig();
  withPassword(rig);
  const bob = rig.client(openChat).send("Bob");
  bob.text();
  expect(loggedIn(rig, dialect)).toBe(list);
  expect(bob.text()).toBe("");
});

test("so does one at another server", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  withPassword(east);
  world.deliver();
  expect(loggedIn(west, selectChat)).toBe("__users__ Ann\n");
});
