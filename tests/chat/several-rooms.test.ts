// Sessions in several rooms: each room has its own log, roster and resume point, and a session
// receives their events in one order.

import { expect, test } from "bun:test";
import { names } from "../../src/limits.ts";
import { FailingStore } from "./failing-store.ts";
import { keptBy, nothing } from "./inspect.ts";
import { type Client, inRoom, Rig, say } from "./rig.ts";

const inRooms = (...rooms: string[]) => ({ rooms: rooms.map((room) => ({ room })) });
const join = (room: string, more: object = {}) => ({ type: "join", room, ...more });
const part = (room: string, more: object = {}) => ({ type: "part", room, ...more });
const types = (client: Client) => client.lines().map(({ type }) => type);
const who = (room: string) => ({ type: "who", room });
const listed = (client: Client) => client.lines().map(({ names }) => names);
/** The rooms in which a client has heard a rename. */
const renames = (client: Client) =>
  client.lines().flatMap(({ type, room }) => (type === "renamed" ? [room] : []));
const said = (client: Client) =>
  client
    .lines()
    .flatMap(({ type, room, seq }) =>
      type === "message" ? [`${String(room)} ${Number(seq)}`] : [],
    );

test("a session hears its own rooms only, each with its own numbers", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRooms("lobby", "den"));
  const bob = rig.member("Bob", inRoom("den"));
  const cal = rig.member("Cal", inRooms("lobby", "attic"));
  for (const client of [ann, bob, cal]) client.text();
  ann.send(say(1), say(2, "den", "den"), say(3), say(4, "den", "DEN"));
  cal.send(say(1, "attic", "attic"));
  expect(said(ann).toSorted()).toEqual(["den 1", "den 2", "lobby 1", "lobby 2"]);
  expect(said(bob)).toEqual(["den 1", "den 2"]);
  expect(said(cal).toSorted()).toEqual(["attic 1", "lobby 1", "lobby 2"]);
});

test("one ack covers messages to several rooms, and names the last one's room", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRooms("lobby", "den"));
  ann.text();
  ann.send(say(1), say(2, "x", "den"), say(3));
  const acks = ann.lines().filter(({ type }) => type === "ack");
  expect(acks).toEqual([{ type: "ack", n: 3, room: "lobby", seq: 2 }]);
});

test("a returning session gets the messages it missed in each room", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRooms("lobby", "den", "attic"));
  const bob = rig.member("Bob", inRooms("lobby", "den", "attic"));
  for (let n = 1; n <= 9; n++) bob.queue(say(n, "x", ["lobby", "den", "attic"][n % 3]));
  rig.settle();
  ann.close();
  bob.send(say(10, "x", "den"));
  const points = [
    { room: "lobby", seq: 1 },
    { room: "den", seq: 3 },
    // No history.
    { room: "attic" },
    { room: "new", seq: 0 },
  ];
  const back = rig.member("Ann", { epoch: "epoch-1", mail: 0, rooms: points });
  const lines = back.lines();
  expect(lines[0]).toMatchObject({
    session: {
      rooms: [
        { room: "lobby", seq: 3, recovered: true },
        { room: "den", seq: 4, recovered: true },
        { room: "attic", seq: 3, recovered: false },
        { room: "new", seq: 0, recovered: true },
      ],
    },
  });
  const told = lines.flatMap(({ type, room, seq }) => (type === "message" ? [[room, seq]] : []));
  expect(told).toEqual([
    ["lobby", 2],
    ["lobby", 3],
    ["den", 4],
  ]);
});

test("with another epoch, one page per room is replayed and nothing counts as recovered", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  bob.send(say(1), say(2));
  const rooms = [{ room: "lobby", seq: 70 }];
  const ann = rig.member("Ann", { epoch: "another", mail: 3, rooms });
  const lines = ann.lines();
  expect(lines[0]).toMatchObject({
    session: { recovered: false, mail: 0, rooms: [{ seq: 2, recovered: false }] },
  });
  expect(lines.filter(({ type }) => type === "message").map(({ seq }) => seq)).toEqual([1, 2]);
});

test("parting and rejoining within one turn misses only the messages in between", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRooms("lobby", "den"));
  const bob = rig.member("Bob", inRooms("lobby", "den"));
  for (const client of [ann, bob]) client.text();
  bob.queue(say(1, "before", "den"));
  ann.queue(part("den", { ref: 1 }));
  bob.queue(say(2, "between", "den"));
  ann.queue(join("den", { ref: 2 }), { type: "ping", ref: 3 });
  bob.queue(say(3, "after", "den"), say(4, "lobby"));
  rig.settle();
  expect(ann.lines().map(({ type, text, ref }) => text ?? ref ?? type)).toEqual([
    "before",
    1,
    2,
    "joined",
    3,
    "after",
    "lobby",
  ]);
  expect(bob.lines().filter(({ type }) => type === "left" || type === "joined")).toEqual([
    { type: "left", room: "den", name: "Ann", reason: "parted" },
    { type: "joined", room: "den", name: "Ann" },
  ]);
  bob.send(say(5, "once", "den"));
  expect(said(ann)).toEqual(["den 4"]);
});

test("nothing of a room is sent after its parted", () => {
  const rig = new Rig();
  // The room being left is delivered after the other one.
  const ann = rig.member("Ann", inRooms("lobby", "den"));
  const bob = rig.member("Bob", inRooms("lobby", "den"));
  ann.text();
  bob.queue(say(1, "d1", "den"));
  ann.queue(part("den"));
  bob.queue(say(2, "l1"), say(3, "d2", "den"));
  ann.queue(join("attic"));
  bob.queue(say(4, "l2"));
  rig.settle();
  expect(ann.lines().map(({ type, text }) => text ?? type)).toEqual([
    "d1",
    "parted",
    "l1",
    "entered",
    "joined",
    "l2",
  ]);
});

test("a message to a room that the sender is not in is refused, and uses up its number", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.member("Bob", inRooms("lobby", "den"));
  for (const client of [ann, bob]) client.text();
  ann.send(say(1, "x", "den"), say(2));
  expect(ann.lines()).toMatchObject([
    { type: "error", code: "not-in-room", n: 1, subject: "den" },
    { type: "message", room: "lobby", seq: 1, n: 2 },
    { type: "ack", n: 2 },
  ]);
  expect(said(bob)).toEqual(["lobby 1"]);
  ann.send(part("den", { ref: 1 }), { type: "history", room: "den", ref: 2 });
  expect(ann.lines()).toMatchObject([
    { type: "error", code: "not-in-room", ref: 1 },
    { type: "error", code: "not-in-room", ref: 2 },
  ]);
});

test("a session can be in a limited number of rooms at once", () => {
  const rig = new Rig();
  const many = Array.from({ length: names.maxRoomsPerSession }, (_, i) => `room${i}`);
  const ann = rig.member("Ann", inRooms(...many));
  expect(ann.lines()[0]).toMatchObject({ session: { rooms: { length: many.length } } });
  ann.text();
  ann.send(join("more", { ref: 1 }), join("room0", { ref: 2 }));
  expect(ann.lines()).toMatchObject([
    { type: "error", code: "full", ref: 1, subject: "more" },
    { type: "entered", room: "room0", ref: 2 },
  ]);
  ann.send(part("room0"), join("more", { ref: 3 }));
  expect(ann.lines().map(({ type }) => type)).toEqual(["parted", "entered", "joined"]);
  const greedy = rig.member("Bob", inRooms(...many, "one-more"));
  expect(greedy.link.ended).toBe(true);
  expect(greedy.lines()).toMatchObject([{ type: "error" }]);
  ann.close();
  greedy.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("concurrent joins respect the room limit", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const ann = rig.member("Ann", { rooms: [] });
  ann.text();
  store.timing = () => "run-late";
  const asked = names.maxRoomsPerSession + 3;
  for (let i = 0; i < asked; i++) ann.queue(join(`room${i}`, { ref: i }));
  store.release(rig);
  const lines = ann.lines();
  const entered = lines.filter(({ type }) => type === "entered");
  expect(entered).toHaveLength(names.maxRoomsPerSession);
  expect(lines.filter(({ code }) => code === "full")).toHaveLength(3);
});

test("a new name is announced once per shared room", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRooms("lobby", "den", "attic"));
  const bob = rig.member("Bob", inRooms("lobby", "den"));
  const cal = rig.member("Cal", inRoom("cellar"));
  for (const client of [ann, bob, cal]) client.text();
  ann.send({ type: "rename", name: "Anna", ref: 1 });
  expect(renames(bob).toSorted()).toEqual(["den", "lobby"]);
  expect(renames(ann).toSorted()).toEqual(["attic", "den", "lobby"]);
  expect(cal.text()).toBe("");
});

test("each room has its own roster, joins and leaves", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRooms("lobby", "den"));
  const bob = rig.member("Bob", inRoom("den"));
  const cal = rig.member("Cal");
  for (const client of [ann, bob, cal]) client.text();
  ann.send(who("lobby"), who("DEN"), who("attic"));
  expect(listed(ann)).toEqual([["Ann", "Cal"], ["Ann", "Bob"], []]);
  ann.send(part("den"));
  expect([types(bob), types(cal)]).toEqual([["left"], []]);
  ann.close();
  expect([types(bob), types(cal)]).toEqual([[], ["left"]]);
});

test("a session without rooms gets its mail, and may join a room", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", { rooms: [] });
  const bob = rig.member("Bob");
  bob.send({ type: "tell", n: 1, to: ["Ann"], text: "psst" });
  ann.send(join("lobby"));
  expect(types(ann)).toEqual(["welcome", "private", "entered", "joined"]);
  ann.close();
  bob.send({ type: "tell", n: 2, to: ["Ann"], text: "again" });
  const back = rig.member("Ann", { rooms: [], epoch: "epoch-1", mail: 1 });
  expect(types(back)).toEqual(["welcome", "motd", "private"]);
});

test("stale bounds do not set back a room used in the meantime", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const ann = rig.member("Ann");
  store.timing = ({ type }) => (type === "room-bounds" ? "reply-late" : "now");
  ann.send(join("den"));
  store.timing = () => "now";
  const bob = rig.member("Bob", inRoom("den"));
  bob.send(say(1, "x", "den"), part("den"));
  store.release(rig);
  bob.send(join("den", { seq: 1, epoch: "epoch-1" }), say(2, "y", "den"));
  expect(said(ann)).toEqual(["den 2"]);
  for (const client of [ann, bob]) client.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("a message to all from outside the lobby is refused, not lost", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann", inRoom("den"));
  for (const client of [ann, bob]) client.text();
  ann.send({ type: "tell", n: 1, to: ["ALL"], text: "to all" });
  expect(ann.lines()).toMatchObject([
    { type: "error", code: "not-in-room", subject: "lobby", n: 1 },
    { type: "ack", n: 1 },
  ]);
  ann.send({ type: "tell", n: 2, to: ["all", "Bob"], text: "to all and Bob" });
  const [error, ack] = ann.lines();
  expect(error).toMatchObject({ type: "error", code: "not-in-room", subject: "lobby" });
  expect(error).not.toHaveProperty("n");
  expect(ack).toMatchObject({ type: "ack", n: 2 });
  expect(bob.lines()).toMatchObject([{ type: "private", to: ["Bob"], text: "to all and Bob" }]);
});
