// While something that happened here is not settled, other servers' joins and leaves arrive: every
// list of members that is kept up to date by the events is right in the end.

import { beforeEach, expect, test } from "bun:test";
import { membersOf } from "./inspect.ts";
import { irc, ircAt } from "../dialects/irc/rig.ts";
import { Neighbours } from "./neighbours.ts";
import { type Client, inRoom, type Rig } from "./rig.ts";

let neighbours: Neighbours;
let here: Rig;
let there: Rig;
let bob: Client;

/** Without hosts. */
const said = (client: Client): string[] =>
  client.text().replaceAll(/!\S+/g, "").trimEnd().split("\r\n");

beforeEach(() => {
  neighbours = new Neighbours();
  here = neighbours.server("here");
  there = neighbours.server("there");
  bob = here.member("Bob");
  neighbours.deliver();
  bob.text();
});

/** The comings and goings that the client has heard of, as `joined Ann`. */
const heard = (client: Client): string[] =>
  client
    .lines()
    .filter(({ type }) => type === "joined" || type === "left" || type === "renamed")
    .map(({ type, name, from, to }) => `${type} ${name ?? `${from} ${to}`}`);

test("somebody who moves to another server leaves before they come back", () => {
  const ann = here.member("Ann");
  bob.text();
  neighbours.hold("here");
  ann.close();
  there.member("Ann");
  neighbours.release("here");
  neighbours.deliver();
  expect(heard(bob)).toEqual(["left Ann", "joined Ann"]);
  expect(membersOf(here.hub, "lobby").everywhere).toEqual(["Ann", "Bob"]);
});

test("a member that connects to another server stays in a room for invited people", () => {
  here.member("Ann", inRoom("den"));
  bob.send({ type: "join", room: "den" });
  neighbours.deliver();
  here.order("mode den +i");
  neighbours.deliver();
  const moved = there.member("Bob", inRoom("den"));
  neighbours.deliver();
  expect(moved.lines()[0]).toMatchObject({ session: { rooms: [{ room: "den" }] } });
  const eve = there.member("Eve", inRoom("den"));
  expect(eve.lines()[0]).toMatchObject({ session: { rooms: [] } });
});

test("whoever takes the name of a member elsewhere does not get into a room by it", () => {
  here.member("Ann", inRoom("den"));
  bob.send({ type: "join", room: "den" });
  neighbours.deliver();
  there.member("Cal", inRoom("den"));
  neighbours.deliver();
  here.order("mode den +i");
  neighbours.deliver();
  // The server has not heard of it yet.
  bob.send({ type: "rename", name: "Rob" });
  const eve = there.member("Bob", { ...inRoom("den"), secret: "Eve-0123456789abcdef" });
  eve.send({ type: "join", room: "den" });
  neighbours.deliver();
  const [welcome, ...more] = eve.lines();
  expect(welcome).toMatchObject({ session: { name: "Bob", rooms: [] } });
  expect(more).not.toContainEqual(expect.objectContaining({ type: "entered" }));
  expect(membersOf(here.hub, "den").everywhere).toEqual(["Cal", "Ann", "Rob"]);
});

test("a member of the lobby at another server receives a message to everybody once", () => {
  const ann = there.member("Ann");
  const cal = there.member("Cal", inRoom("den"));
  neighbours.deliver();
  for (const client of [ann, bob, cal]) client.text();
  bob.send({ type: "tell", n: 1, to: ["ALL", "Ann", "Cal"], text: "hi" });
  neighbours.deliver();
  expect(ann.lines()).toMatchObject([{ type: "message", text: "hi" }]);
  expect(cal.lines()).toMatchObject([{ type: "private", text: "hi" }]);
});

test("the next user of a name comes after the last one has been renamed", () => {
  const ann = here.member("Ann");
  bob.text();
  neighbours.hold("here", "answers");
  ann.send({ type: "rename", name: "Eve" });
  there.member("Ann");
  while (neighbours.deliverOne("here"));
  neighbours.release("here");
  neighbours.deliver();
  expect(heard(bob)).toEqual(["renamed Ann Eve", "joined Ann"]);
});

test("somebody who comes in between, here and there, is gone in the end", () => {
  neighbours.hold("here");
  const ann = here.member("Ann");
  const annThere = there.member("Ann");
  while (neighbours.deliverOne("here"));
  ann.close();
  annThere.close();
  while (neighbours.deliverOne("here"));
  neighbours.release("here");
  neighbours.deliver();
  expect(heard(bob).at(-1)).toBe("left Ann");
  expect(membersOf(here.hub, "lobby").everywhere).toEqual(["Bob"]);
});

test("a list of members comes before the changes to it", () => {
  const cal = there.member("Cal", { rooms: [{ room: "den" }] });
  neighbours.deliver();
  bob.queue({ type: "who", room: "lobby", ref: 1 });
  cal.send({ type: "join", room: "lobby" });
  while (neighbours.deliverOne("here"));
  const types = bob.lines().map(({ type, names }) => (type === "names" ? names : type));
  expect(types).toEqual([["Bob"], "joined"]);
});

test("an answer to WHO comes before the changes to it", () => {
  const cal = there.member("Cal", { rooms: [{ room: "den" }] });
  const eve = here.client(irc).send("NICK Eve", "USER eve 0 * :Eve", "JOIN #lobby");
  neighbours.deliver();
  eve.text();
  eve.queue("WHO #lobby");
  cal.send({ type: "join", room: "lobby" });
  while (neighbours.deliverOne("here"));
  const told = eve.text();
  expect(told).not.toMatch(/ 352 .*Cal/);
  expect(told.indexOf("End of WHO list")).toBeLessThan(told.indexOf("JOIN #lobby"));
});

test("whoever enters hears of those who come and go at other servers meanwhile", () => {
  there.member("Dora");
  const cal = there.member("Cal");
  neighbours.deliver();
  neighbours.hold("here");
  const eve = here.client(irc).queue("NICK Eve", "USER eve 0 * :Eve", "JOIN #lobby");
  here.settle();
  cal.close();
  there.member("Finn");
  while (neighbours.deliverOne("here"));
  neighbours.release("here");
  here.settle();
  const text = eve.text();
  const [list = "", after = ""] = text.split(" 366 ");
  expect(list).toMatch(/ 353 .*Cal/);
  expect(after).toMatch(/:Cal!\S+ (QUIT|PART)/);
  expect(after).toMatch(/:Finn!\S+ JOIN/);
});

test("a room that its last member has left is closed after the events of other servers", () => {
  const ann = here.member("Ann", { rooms: [{ room: "den" }] });
  there.member("Ann", { rooms: [{ room: "den" }] }).close();
  neighbours.hold("here");
  ann.send({ type: "part", room: "den" });
  while (neighbours.deliverOne("here"));
  neighbours.release("here");
  neighbours.deliver();
  expect(here.hub.openRooms()).toEqual(["lobby"]);
});

test("the new name of somebody who is still there by another server joins", () => {
  const west = neighbours.server("west");
  const wil = west.member("Wil");
  there.member("Ann");
  neighbours.deliver();
  const ann = here.member("Ann");
  neighbours.deliver();
  bob.text();
  wil.text();
  ann.send({ type: "rename", name: "Eve" });
  neighbours.deliver();
  expect([heard(bob), heard(wil)]).toEqual([["joined Eve"], ["joined Eve"]]);
  ann.send({ type: "rename", name: "Ann" });
  neighbours.deliver();
  expect([heard(bob), heard(wil)]).toEqual([["renamed Eve Ann"], ["renamed Eve Ann"]]);
});

test("IRC clients see the new name of somebody who is still there under the old one in every room", () => {
  const rooms = { rooms: [{ room: "lobby" }, { room: "den" }] };
  there.member("Ann", rooms);
  const eve = here.client(irc).send("NICK Eve", "USER e 0 * :E", "JOIN #lobby,#den");
  neighbours.deliver();
  const west = neighbours.server("west");
  const ann = west.member("Ann", rooms);
  neighbours.deliver();
  eve.text();
  ann.send({ type: "rename", name: "Anna" });
  neighbours.deliver();
  expect(said(eve)).toEqual([
    ":Anna JOIN #lobby",
    ":Anna JOIN #den",
    ":irc.test MODE #den +o Anna",
  ]);
});

test("IRC clients are told of a new name room by room if somebody has the old one in another", () => {
  const all = ["lobby", "den", "attic"].map((room) => ({ room }));
  const eve = here.client(irc).send("NICK Eve", "USER e 0 * :E", "JOIN #lobby,#den,#attic");
  const ann = there.member("Ann", { rooms: all.slice(1) });
  neighbours.deliver();
  eve.text();
  neighbours.hold("there");
  ann.send({ type: "rename", name: "Anna" });
  here.member("Ann");
  neighbours.release("there");
  neighbours.deliver();
  expect(said(eve)).toEqual([
    ":Ann JOIN #lobby",
    ":Ann PART #den",
    ":Anna JOIN #den",
    ":Ann PART #attic",
    ":Anna JOIN #attic",
  ]);
});

test("IRC clients are told that somebody has lost a rank with one of two connections", () => {
  const west = neighbours.server("west");
  const dora = ircAt(west, "Dora").send("JOIN #den");
  neighbours.deliver();
  const eves = [here, there, west].map((rig, i) => ircAt(rig, `Eve${i}`).send("JOIN #den"));
  neighbours.deliver();
  const ann = here.member("Ann", inRoom("den"));
  neighbours.deliver();
  neighbours.hold("here");
  dora.send("MODE #den +v Ann");
  // Their server gives them the rank when they have entered at another, which does not know it yet.
  neighbours.deliverOne("here");
  there.member("Ann", inRoom("den"));
  while (neighbours.deliverOne("here"));
  ann.close();
  for (const eve of eves) eve.lines();
  neighbours.release("here");
  neighbours.deliver();
  for (const eve of eves) {
    const modes = eve.lines().filter((line) => line.includes(" MODE "));
    expect(modes.map((line) => line.replace(/!\S+/, ""))).toEqual([
      ":Dora MODE #den +v Ann",
      ":irc.test MODE #den -v Ann",
    ]);
    expect(eve.ask("NAMES #den").join("\n")).not.toContain("+Ann");
  }
});

const inAll = { rooms: [{ room: "lobby" }, { room: "den" }, { room: "attic" }] };

test.each([
  ["connects again to fewer rooms", () => here.member("Ann", { rooms: [{ room: "lobby" }] })],
  [
    "has moved to another server with fewer rooms",
    (ann: Client) => {
      there.member("Ann", { rooms: [{ room: "lobby" }] });
      neighbours.deliver();
      ann.close();
    },
  ],
])("IRC clients hear that somebody who %s has parted from the others", (_, move) => {
  const ann = here.member("Ann", inAll);
  const west = neighbours.server("west");
  const clients = [here.client(irc), west.client(irc)];
  for (const [i, client] of clients.entries()) {
    client.send(`NICK Eve${i}`, "USER e 0 * :E", "JOIN #lobby,#den,#attic");
  }
  neighbours.deliver();
  for (const client of clients) client.text();
  move(ann);
  neighbours.deliver();
  for (const client of clients) {
    expect(client.text()).toMatch(/^:Ann!\S+ PART #den\r\n:Ann!\S+ PART #attic\r\n$/);
  }
});

test("an IRC client that enters and takes a new name hears of both in this order", () => {
  const eve = here.client(irc).send("NICK Eve", "USER e 0 * :E");
  eve.text();
  neighbours.hold("here");
  eve.send("JOIN #den", "NICK Eva");
  neighbours.release("here");
  here.settle();
  expect(eve.text()).toMatch(/:Eve!\S+ JOIN #den\r\n[^]*:Eve!\S+ NICK Eva\r\n$/);
});

test("IRC clients hear that somebody has quit before they join another room elsewhere", () => {
  const ann = here.member("Ann", { rooms: [{ room: "den" }] });
  const eve = here.client(irc).send("NICK Eve", "USER e 0 * :E", "JOIN #lobby,#den");
  neighbours.deliver();
  eve.text();
  neighbours.hold("here");
  ann.close();
  there.member("Ann");
  while (neighbours.deliverOne("here"));
  neighbours.release("here");
  here.settle();
  expect(eve.text()).toMatch(/^:Ann!\S+ QUIT [^]*:Ann!\S+ JOIN #lobby\r\n$/);
});

test("IRC clients see whom an operator removes in a room until they have left it everywhere", () => {
  const west = neighbours.server("west");
  west.member("Ann");
  there.member("Ann", inAll);
  const eve = here.client(irc).send("NICK Eve", "USER e 0 * :E", "JOIN #lobby,#den,#attic");
  neighbours.deliver();
  eve.text();
  there.order("kick Ann");
  while (neighbours.deliverOne("here"));
  const kicked = ["den", "attic"].map(
    (room) => `:irc.test KICK #${room} Ann :Removed by an operator`,
  );
  expect(said(eve)).toEqual(kicked);
  here.member("Ann");
  neighbours.deliver();
  expect(said(eve)).toEqual([""]);
  expect(membersOf(here.hub, "lobby").everywhere).toContain("Ann");
});

test("members are listed in a room that the store has dropped and made anew", () => {
  for (let i = 0; i < 3; i++) there.member("Eve").close();
  neighbours.deliver();
  const { version = 0 } = here.hub["state"].rooms.get("lobby")?.elsewhere ?? {};
  const cal = { server: "third", folded: "cal", name: "Cal", about: undefined };
  const roster = { type: "roster", room: "lobby", version: version - 1, members: [cal] } as const;
  here.hub.handleForeign(roster, here.nowMs);
  expect(membersOf(here.hub, "lobby").everywhere).toEqual(["Bob"]);
  here.hub.handleForeign({ ...roster, isAnew: true }, here.nowMs);
  expect(membersOf(here.hub, "lobby").everywhere.toSorted()).toEqual(["Bob", "Cal"]);
});
