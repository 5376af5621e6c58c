// Users who open the same room at several servers at once: the one whose entry is committed first
// is its operator, and the others are told nothing else.

import { beforeEach, expect, test } from "bun:test";
import { type IrcClient, ircAt } from "../dialects/irc/rig.ts";
import { Neighbours } from "./neighbours.ts";
import { inRoom, type Rig } from "./rig.ts";

let neighbours: Neighbours;
let here: Rig;
let there: Rig;

beforeEach(() => {
  neighbours = new Neighbours();
  here = neighbours.server("here");
  there = neighbours.server("there");
});

/** Both enter, and change a mode as operators may, before either entry is committed. */
function openBoth(): { ann: IrcClient; ben: IrcClient } {
  const [ann, ben] = [ircAt(here, "Ann"), ircAt(there, "Ben")];
  neighbours.deliver();
  for (const id of ["here", "there"]) neighbours.hold(id);
  ann.send("JOIN #den", "MODE #den +m");
  ben.send("JOIN #den", "MODE #den +k open");
  for (const id of ["here", "there"]) {
    neighbours.release(id);
    neighbours.deliver();
  }
  return { ann, ben };
}

const ranks = (client: IrcClient): string[] =>
  client.lines().flatMap((line) => / 353 .* :(.*)/.exec(line)?.[1]?.split(" ").sort() ?? []);

test("the first is the operator, the second a member, whatever they ask for meanwhile", () => {
  const { ann, ben } = openBoth();
  const [first, second] = [ann.client.text(), ben.client.text()];
  expect(first).toMatch(/ 353 Ann = #den :@Ann\r\n/);
  expect(first).toMatch(/MODE #den \+m\r\n/);
  expect(second).toMatch(/ 353 Ben = #den :Ben\r\n/);
  expect(second).toMatch(/ 482 Ben #den /);
  expect(second).not.toContain("+k");
  for (const client of [ann, ben]) {
    expect(ranks(client.send("NAMES #den"))).toEqual(["@Ann", "Ben"]);
  }
});

test("who enters at the same server meanwhile is told the same", () => {
  const [ann, ben] = [ircAt(here, "Ann"), ircAt(there, "Ben")];
  const [cal, dora] = [ircAt(here, "Cal"), ircAt(there, "Dora")];
  neighbours.deliver();
  for (const id of ["here", "there"]) neighbours.hold(id);
  for (const client of [ann, cal]) client.client.queue("JOIN #den");
  for (const client of [ben, dora]) client.client.queue("JOIN #den");
  for (const rig of [here, there]) rig.settle();
  for (const id of ["here", "there"]) neighbours.release(id);
  expect([ranks(cal), ranks(dora)]).toEqual([
    ["@Ann", "Cal"],
    ["Ben", "Dora"],
  ]);
});

test("the only one in a room is its operator as soon as that is committed", () => {
  const ann = here.member("Ann", inRoom("den"));
  neighbours.deliver();
  ann.send({ type: "part", room: "den" });
  neighbours.hold("here");
  const eve = ircAt(here, "Eve").send("JOIN #den", "MODE #den +m");
  expect(eve.lines()).toEqual([]);
  neighbours.release("here");
  here.settle();
  const lines = eve.lines().join("\n");
  expect(lines).toContain(" 353 Eve = #den :@Eve");
  expect(lines).toContain("MODE #den +m");
});

test("whoever has left again meanwhile leaves the room to the next", () => {
  neighbours.hold("here");
  const ann = here.member("Ann", inRoom("den"));
  ann.close();
  const eve = ircAt(here, "Eve").send("JOIN #den", "MODE #den +m");
  neighbours.release("here");
  here.settle();
  expect(eve.lines().join("\n")).toContain("MODE #den +m");
});

test("whoever opens a room is not shown an operator who has just left it at another server", () => {
  const ben = ircAt(there, "Ben");
  neighbours.hold("there");
  ben.send("JOIN #den");
  // What was read before Ann has left.
  const rank = { isOperator: true, isVoiced: false };
  const ann = { server: "here", folded: "ann", name: "Ann", rank };
  const roster = { type: "roster", room: "den", version: 0, members: [ann] } as const;
  there.hub.handleForeign(roster, there.nowMs);
  neighbours.release("there");
  ben.lines();
  expect(ranks(ben.send("NAMES #den"))).toEqual(["@Ben", "Ann"]);
});

test("nor is anybody who enters at the same server meanwhile", () => {
  const [ben, dora] = [ircAt(there, "Ben"), ircAt(there, "Dora")];
  const ann = ircAt(here, "Ann");
  neighbours.deliver();
  neighbours.hold("there");
  ben.client.queue("JOIN #den");
  there.settle();
  ann.send("JOIN #den");
  neighbours.deliver();
  dora.client.queue("JOIN #den");
  there.settle();
  ann.send("PART #den");
  neighbours.release("there");
  neighbours.deliver();
  expect(ranks(dora)).toEqual(["@Ben", "Ann", "Dora"]);
});

test("nor one who had left before, which its server hears of only after that", () => {
  const ben = ircAt(there, "Ben");
  neighbours.hold("there");
  ben.send("JOIN #den");
  const ann = ircAt(here, "Ann").send("JOIN #den", "PART #den");
  neighbours.lose("there", "presence");
  neighbours.release("there");
  ann.send("JOIN #den");
  neighbours.lose("there", "presence");
  const rank = { isOperator: true, isVoiced: false };
  const about = { room: "den", author: -1, rank };
  const event = { type: "joined", name: "Ann", alias: undefined, ...about } as const;
  const change = { folded: "ann", name: "Ann", rank, event };
  const rooms = [{ room: "den", version: 1, changes: [change] }];
  there.hub.handleForeign({ type: "presence", server: "here", rooms }, there.nowMs);
  there.settle();
  expect(ben.lines().join()).toMatch(/ 353 Ben = #den :@Ben,.* JOIN #den$/);
  expect(ranks(ben.send("NAMES #den"))).toEqual(["@Ben", "Ann"]);
});

test("a list asked for while an answer waits for the store does not follow later changes", () => {
  const ivy = ircAt(here, "Ivy").send("JOIN #lobby");
  neighbours.deliver();
  neighbours.hold("here");
  ivy.send("PRIVMSG #lobby :hm", "PING 1", "NAMES #lobby");
  ircAt(there, "Ben").send("JOIN #lobby");
  neighbours.deliver();
  neighbours.release("here");
  const lines = ivy.lines();
  const came = lines.findIndex((line) => line.startsWith(":Ben!") && line.includes("JOIN #lobby"));
  const listed = lines.findLastIndex((line) => line.includes(" 353 Ivy = #lobby"));
  expect(lines.filter((line) => line.includes(" 353 "))).toHaveLength(2);
  expect(came > listed || lines[listed]!.includes("Ben")).toBe(true);
});
