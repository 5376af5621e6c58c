// An IRC client learns modes and ranks from changes alone. Changes at another server of the same
// parley reach it even if their announcement is lost or late.

import { beforeEach, expect, test } from "bun:test";
import { Neighbours } from "../../chat/neighbours.ts";
import { memoryAnswerer, Rig } from "../../chat/rig.ts";
import { ParleyError } from "../../../src/errors.ts";
import { ircAt, type IrcClient } from "./rig.ts";

let neighbours: Neighbours;
let east: Rig;
let west: Rig;

beforeEach(() => {
  neighbours = new Neighbours();
  east = neighbours.server("east");
  west = neighbours.server("west");
});

function enter(rig: Rig, name: string): IrcClient {
  const client = ircAt(rig, name);
  client.send("JOIN #room");
  neighbours.deliver();
  return client;
}

const changes = (client: IrcClient): string[] =>
  client.lines().filter((line) => line.includes(" MODE "));

test("modes are told by the server if nobody has announced them", () => {
  const ann = enter(east, "Ann");
  const ben = enter(west, "Ben");
  ann.send("MODE #room +ml-t 5", "MODE #room +kb key *!*@evil");
  neighbours.lose("west", "presence");
  neighbours.deliver();
  neighbours.look("west", 1);
  expect(changes(ben)).toEqual([]);
  neighbours.look("west", 2);
  expect(changes(ben)).toEqual([":irc.test MODE #room +m-t+klb key 5 *!*@evil"]);
});

test("an announcement that comes after the modes themselves is not repeated", () => {
  const ann = enter(east, "Ann");
  const ben = enter(west, "Ben");
  neighbours.hold("east");
  ann.send("MODE #room +m");
  neighbours.deliver();
  neighbours.look("west", 2);
  expect(changes(ben)).toEqual([":irc.test MODE #room +m"]);
  neighbours.release("east");
  neighbours.deliver();
  expect(changes(ben)).toEqual([]);
  ann.send("MODE #room -m");
  neighbours.deliver();
  neighbours.look("west", 3);
  expect(changes(ben)).toEqual([expect.stringMatching(/^:Ann!\S+ MODE #room -m$/)]);
});

test("ranks are told by the server when the list of members is read again", () => {
  const ann = enter(east, "Ann");
  enter(east, "Cal");
  const ben = enter(west, "Ben");
  ann.send("MODE #room +v Cal", "MODE #room -o Ann");
  neighbours.lose("west", "presence");
  ben.lines();
  enter(east, "Dan");
  expect(changes(ben).sort()).toEqual([
    ":irc.test MODE #room +v Cal",
    ":irc.test MODE #room -o Ann",
  ]);
});

test("whoever has no rank any more comes without one when the list of members is read again", () => {
  const ann = enter(east, "Ann");
  const ben = enter(west, "Ben");
  ircAt(east, "Cal").send("JOIN #room");
  ann.send("MODE #room +v Cal", "MODE #room -v Cal");
  neighbours.lose("west", "presence");
  ben.lines();
  enter(east, "Dan");
  expect(changes(ben)).toEqual([]);
});

test("a change here does not hide one from another server that was not told yet", () => {
  const ann = enter(east, "Ann");
  const ben = enter(west, "Ben");
  ann.send("MODE #room +o Ben");
  neighbours.deliver();
  ann.send("MODE #room +m");
  neighbours.lose("west", "presence");
  neighbours.deliver();
  ben.lines();
  ben.send("MODE #room -t");
  neighbours.look("west", 2);
  expect(changes(ben)).toEqual([
    expect.stringMatching(/^:Ben!\S+ MODE #room -t$/),
    ":irc.test MODE #room +m",
  ]);
});

test("who has opened the room first is shown as its operator to who opened it elsewhere", () => {
  const ben = ircAt(west, "Ben");
  const ann = ircAt(east, "Ann");
  neighbours.deliver();
  neighbours.hold("west");
  ben.send("JOIN #room");
  ann.send("JOIN #room");
  neighbours.release("west");
  neighbours.deliver();
  const lines = ben.lines().filter((line) => / (353|MODE) /.test(line));
  expect(lines.join("\n")).toMatch(/@Ann|MODE #room \+o Ann/);
  expect(lines.join("\n")).not.toMatch(/@Ben|\+o Ben/);
  expect(ann.lines().join("\n")).not.toMatch(/@Ben|\+o Ben/);
});

test("who opened a room is shown as its operator once a store that failed has that", () => {
  const answer = memoryAnswerer();
  let failures = 1;
  const rig = new Rig({ shared: { roomOpened() {} } }, (request) => {
    const isOpening = request.type === "commit" && (request.batch.presence ?? []).length > 0;
    if (!isOpening || failures-- <= 0) return answer(request);
    return { id: request.id, outcome: "failed", error: new ParleyError("storage", "full") };
  });
  const ann = ircAt(rig, "Ann");
  failures = 1;
  ann.send("JOIN #room");
  const shown = ann.lines().filter((line) => / (353|MODE) /.test(line));
  expect(shown).toEqual([":irc.test 353 Ann = #room :Ann", ":irc.test MODE #room +o Ann"]);
});
