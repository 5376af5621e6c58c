// Ranks in a room after a lost connection: of whom, for how long, and what others are shown.

import { expect, test } from "bun:test";
import { history } from "../../../src/limits.ts";
import { ircAt } from "../../dialects/irc/rig.ts";
import { Neighbours } from "../neighbours.ts";
import { owner, withKey } from "../owner.ts";
import { type Client, inRoom, Rig } from "../rig.ts";

const order = (command: string) => ({ type: "admin", command });

function isOperator(client: Client): boolean {
  client.text();
  return client.send(order("mode den +m"), order("mode den -m")).text().includes("Set +m in den");
}

/** Ann has opened a room, Bob has joined it, and the connection of Ann has been lost. */
function annLost(rig = new Rig()): Rig {
  const ann = rig.member("Ann", inRoom("den"));
  rig.member("Bob", inRoom("den"));
  ann.close("lost");
  return rig;
}

test("whoever opened a room is its operator again after a lost connection, for a while", () => {
  const rig = annLost();
  const ann = rig.member("Ann", inRoom("den"));
  expect(isOperator(ann)).toBe(true);
  ann.close("lost");
  rig.nowMs += history.mailHoldMs;
  expect(isOperator(rig.member("Ann", inRoom("den")))).toBe(false);
});

test("somebody else with the name has not the rank", () => {
  const rig = annLost();
  rig.nowMs += history.mailHoldMs - 1;
  const secret = "another-0123456789abcdef";
  const other = rig.member("Ann2", { ...inRoom("den"), secret });
  expect(isOperator(other)).toBe(false);
});

test("a rank ends when the last member has left, who opens the room next is its operator", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRoom("den"));
  const bob = rig.member("Bob", inRoom("den"));
  ann.close("lost");
  bob.queue({ type: "part", room: "den" });
  // In the same turn, before the room is closed.
  const cal = rig.member("Cal", inRoom("den"));
  expect(isOperator(cal)).toBe(true);
  expect(isOperator(rig.member("Ann", inRoom("den")))).toBe(false);
});

test("a voice and a rank of a registered name return too; who is removed has neither", () => {
  const rig = new Rig();
  const cal = owner(rig, "Cal", "desk");
  cal.send({ type: "join", room: "den" });
  const dan = rig.member("Dan", inRoom("den"));
  cal.send(order("mode den +v Dan"));
  rig.member("Eve", inRoom("den"));
  cal.close("lost");
  dan.close("lost");
  const again = withKey(rig, "Cal", "desk", inRoom("den"));
  expect(isOperator(again)).toBe(true);
  rig.order("mode den +m");
  const back = rig.member("Dan", inRoom("den"));
  back.text();
  expect(back.send({ type: "say", room: "den", text: "hi" }).text()).toContain('"hi"');
  rig.order("remove den Dan");
  back.send({ type: "join", room: "den" }).text();
  expect(back.send({ type: "say", room: "den", text: "hi" }).text()).toContain("moderated");
});

test("a registered operator who gives up the rank has it no longer", () => {
  const rig = new Rig();
  const cal = owner(rig, "Cal", "desk");
  cal.send({ type: "join", room: "den" });
  expect(isOperator(cal)).toBe(true);
  cal.send(order("mode den -o Cal"));
  expect(isOperator(cal)).toBe(false);
});

test("IRC clients are shown the rank of who returns, and of a registered operator", () => {
  const rig = new Rig();
  const zoe = ircAt(rig, "Zoe");
  const ann = rig.member("Ann", inRoom("den"));
  zoe.send("JOIN #den").lines();
  ann.close("lost");
  zoe.lines();
  rig.member("Ann", inRoom("den"));
  expect(zoe.lines()).toEqual([":Ann!native@HOST JOIN #den", ":irc.test MODE #den +o Ann"]);
  rig.member("Bob", inRoom("den"));
  expect(zoe.lines()).toEqual([":Bob!native@HOST JOIN #den"]);
});

test("the rank returns at another server of the database, of a session that moves or was lost", () => {
  const world = new Neighbours();
  const [east, west] = [world.server("east"), world.server("west")];
  const ann = east.member("Ann", inRoom("den"));
  world.deliver();
  west.member("Bob", inRoom("den"));
  east.member("Cal", inRoom("den"));
  world.deliver();
  // Connected to both for a moment.
  const moved = west.member("Ann", inRoom("den"));
  world.deliver();
  expect(isOperator(moved)).toBe(true);
  ann.close("lost");
  world.deliver();
  moved.close("lost");
  world.deliver();
  const back = east.member("Ann", inRoom("den"));
  world.deliver();
  expect(isOperator(back)).toBe(true);
  // Removed at one server: the other does not remember the loss before.
  west.order("remove den Ann");
  world.deliver();
  const again = west.member("Ann", inRoom("den"));
  world.deliver();
  expect(isOperator(again)).toBe(false);
});
