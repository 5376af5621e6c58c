// A member says something and leaves while the commit is under way, and other servers commit
// messages first: it hears those too. Otherwise its own message would follow a gap.

import { beforeEach, expect, test } from "bun:test";
import { ircAt } from "../dialects/irc/rig.ts";
import { Neighbours } from "./neighbours.ts";
import { type Client, hello, type Rig, say, since } from "./rig.ts";

let neighbours: Neighbours;
let here: Rig;
let ann: Client;
let bob: Client;

beforeEach(() => {
  neighbours = new Neighbours();
  here = neighbours.server("here");
  ann = here.member("Ann");
  bob = neighbours.server("there").member("Bob");
  neighbours.deliver();
  ann.text();
});

const numbers = (client: Client) =>
  client.lines().flatMap(({ type, seq }) => (type === "message" ? [seq] : []));

const waysToLeave: [string, () => unknown][] = [
  ["parts", () => ann.send({ type: "part", room: "lobby" })],
  ["quits", () => ann.send({ type: "bye" })],
  ["is there when the server stops", () => here.hub.stop("The server is stopping", here.nowMs)],
  ["is put out by an operator", () => here.order("/kick Ann")],
  ["connects again", () => here.member("Ann", { since: since(0), secret: "Ann-0123456789abcdef" })],
];

test.each(waysToLeave)("a member that %s hears all up to its last message", (_, leave) => {
  neighbours.hold("here");
  ann.send(say(1));
  leave();
  here.settle();
  bob.send(say(1), say(2));
  neighbours.release("here");
  expect(numbers(ann)).toEqual([1, 2, 3]);
});

test("nothing follows after it has left", () => {
  neighbours.hold("here");
  ann.send(say(1), { type: "part", room: "lobby" });
  bob.send(say(1));
  neighbours.release("here");
  neighbours.deliver();
  bob.send(say(2));
  neighbours.deliver();
  expect(numbers(ann)).toEqual([1, 2]);
});

test("nobody hears of people who can resume their sessions when a server stops", () => {
  const north = neighbours.server("north");
  const irc = ircAt(here, "Ivy").send("JOIN #lobby");
  const watchers = [bob, north.member("Cal")];
  neighbours.deliver();
  for (const watcher of watchers) watcher.text();
  const told = () =>
    watchers.map((one) =>
      one.lines().flatMap(({ type, name }) => (type === "pong" ? [] : [`${type} ${name}`])),
    );
  here.hub.stop("The server is stopping", here.nowMs);
  here.settle();
  neighbours.deliver();
  // An IRC client has no session.
  expect(told()).toEqual([["left Ivy"], ["left Ivy"]]);
  expect(irc.client.link.ended).toBe(true);
  north.member("Ann");
  neighbours.deliver();
  expect(told()).toEqual([[], []]);
  // When the server has ended, she is there by the other.
  neighbours.kill("here");
  neighbours.deliver();
  expect(told()).toEqual([[], []]);
  north.member("Ivy");
  neighbours.deliver();
  expect(told()).toEqual([["joined Ivy"], ["joined Ivy"]]);
});

test("IRC clients at other servers hear once of an IRC user in two rooms whose server stops", () => {
  const north = neighbours.server("north");
  const watcher = ircAt(north, "Cal").send("JOIN #lobby,#den");
  ircAt(here, "Ivy").send("JOIN #lobby,#den");
  neighbours.deliver();
  watcher.lines();
  here.hub.stop("The server is stopping", here.nowMs);
  here.settle();
  neighbours.deliver();
  expect(watcher.lines()).toEqual([":Ivy!~Ivy@HOST QUIT :Connection lost"]);
});

test("whoever is waiting for the welcome of a server that others took for dead hears only its end", () => {
  here.order("topic lobby Tea at five");
  neighbours.hold("here");
  const cal = here.client().send(hello("Cal", { since: since(0) }));
  neighbours.fence("here");
  neighbours.release("here");
  expect(cal.lines().map(({ type }) => type)).toEqual(["bye"]);
});
