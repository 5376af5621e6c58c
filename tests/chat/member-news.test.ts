// What rooms are told when somebody becomes an operator of the server, or is none any more.

import { expect, test } from "bun:test";
import { ircAt } from "../dialects/irc/rig.ts";
import { FailingStore } from "./failing-store.ts";
import { noControl } from "./hub-options.ts";
import { Neighbours } from "./neighbours.ts";
import { owner, withKey } from "./owner.ts";
import { type Client, inRoom, Rig } from "./rig.ts";

/** The changes of ranks that the client has been told of since it was asked last. */
function changesTold(client: Client): unknown[] {
  return client.lines().flatMap(({ type, room, by, change }) => {
    return type === "mode" ? [`${String(room)}: ${String(change)} by ${String(by)}`] : [];
  });
}

test("a new operator of the server is shown as one in every room, and no longer after that", () => {
  const rig = new Rig();
  rig.member("Zoe", inRoom("den"));
  const irc = ircAt(rig, "Ida").send("JOIN #den");
  const watcher = rig.member("Wim", { rooms: [{ room: "den" }, { room: "lobby" }] });
  const ann = owner(rig, "Ann", "desk", { rooms: [{ room: "den" }, { room: "lobby" }] });
  for (const client of [irc.client, watcher, ann]) client.text();
  for (const [order, change] of [
    ["op Ann", "+o"],
    ["op Ann", undefined],
    ["deop Ann", "-o"],
  ] as const) {
    expect(rig.order(order).ok).toBe(true);
    rig.settle();
    const lines = change === undefined ? [] : [change];
    expect(irc.lines()).toEqual(lines.map((sign) => `:irc.test MODE #den ${sign} Ann`));
    for (const client of [watcher, ann]) {
      const told = lines.map((sign) => `${sign} Ann by the server`);
      expect(changesTold(client)).toEqual(
        ["den", "lobby"].flatMap((room) => told.map((what) => `${room}: ${what}`)),
      );
    }
  }
});

test("who is an operator of the room anyway stays one without a word", () => {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk", inRoom("den"));
  const watcher = rig.member("Wim", inRoom("den"));
  for (const client of [watcher, ann]) client.text();
  for (const order of ["op Ann", "deop Ann"]) {
    expect(rig.order(order).ok).toBe(true);
    expect([watcher, ann].map(changesTold)).toEqual([[], []]);
  }
});

test("the owner who claims the server is shown as an operator", () => {
  const control = { ...noControl, claimHash: "hash of the-claim", claimUsed: () => undefined };
  const rig = new Rig({ control });
  const watcher = rig.member("Wim", inRoom("den"));
  const ann = owner(rig, "Ann", "desk", inRoom("den"));
  watcher.text();
  ann.send({ type: "admin", command: "claim the-claim" });
  expect(changesTold(watcher)).toEqual(["den: +o Ann by the server"]);
});

test("a device that joins the account of an operator is shown as one", () => {
  const rig = new Rig();
  const watcher = rig.member("Wim", inRoom("den"));
  const ann = owner(rig, "Ann", "desk");
  rig.order("op Ann");
  const phone = withKey(rig, "Pip", "phone", inRoom("den"));
  for (const client of [watcher, ann]) client.text();
  ann.send({ type: "device-code", ref: 1 });
  const [answer] = ann.lines();
  phone.send({ type: "link", code: answer?.["code"], label: "phone", ref: 2 });
  expect(changesTold(watcher)).toEqual(["den: +o Pip by the server"]);
});

test("who shows the password of an operator while being in a room is shown as one there", () => {
  const rig = new Rig();
  const watcher = rig.member("Wim", inRoom("den"));
  const ann = owner(rig, "Ann", "desk").send({ type: "set-password", password: "treasure" });
  rig.order("op Ann");
  const irc = ircAt(rig, "Ida").send("JOIN #den");
  for (const client of [watcher, ann, irc.client]) client.text();
  irc.send("OPER Ann treasure");
  expect(irc.lines()).toContain(":irc.test MODE #den +o Ida");
  expect(changesTold(watcher)).toEqual(["den: +o Ida by the server"]);
  irc.send("OPER Ann treasure");
  expect(changesTold(watcher)).toEqual([]);
});

test("a device is shown as an operator once it acts for the account that its key belongs to", () => {
  const rig = new Rig();
  const watcher = rig.member("Wim", inRoom("den"));
  const den = { rooms: [{ room: "den" }], secret: "another-0123456789abcdef" };
  const guest = withKey(rig, "Gus", "desk", den);
  withKey(rig, "Ann", "desk").send({ type: "register" });
  rig.order("op Ann");
  for (const client of [watcher, guest]) client.text();
  guest.send({ type: "admin", command: "ops" });
  expect(changesTold(watcher)).toEqual(["den: +o Gus by the server"]);
});

test("a device that is an operator by its key stays one, without a word, when it registers", () => {
  const control = { ...noControl, claimHash: "hash of the-claim", claimUsed: () => undefined };
  const rig = new Rig({ control });
  const watcher = rig.member("Wim", inRoom("den"));
  const ann = withKey(rig, "Ann", "desk", inRoom("den"));
  ann.send({ type: "admin", command: "claim the-claim" });
  expect(changesTold(watcher)).toEqual(["den: +o Ann by the server"]);
  ann.text();
  ann.send({ type: "register", ref: 1 });
  expect(ann.lines()).toContainEqual(expect.objectContaining({ type: "registered" }));
  expect(changesTold(watcher)).toEqual([]);
  expect(rig.order("ops")).toMatchObject({ rows: [{ fields: { name: "Ann", rank: "owner" } }] });
});

test("who is made an operator before the store has answered that the name is registered is shown as one", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const watcher = rig.member("Wim", inRoom("den"));
  const ann = withKey(rig, "Ann", "desk", inRoom("den"));
  store.timing = ({ type }) => (type === "change-account" ? "reply-late" : "now");
  ann.send({ type: "register", ref: 1 });
  expect(rig.order("op Ann")).toMatchObject({ ok: true });
  for (const client of [watcher, ann]) client.text();
  store.releaseOne(rig);
  rig.settle();
  expect(ann.lines()).toContainEqual(expect.objectContaining({ type: "registered" }));
  expect(changesTold(watcher)).toEqual(["den: +o Ann by the server"]);
});

test("members at all servers are told what was decided at one", () => {
  const world = new Neighbours();
  const [east, west] = ["east", "west"].map((id) => world.server(id));
  const watchers = [east, west].map((rig) => rig!.member("Wim", inRoom("den")));
  const ann = owner(east!, "Ann", "desk", inRoom("den"));
  world.deliver();
  for (const client of [...watchers, ann]) client.text();
  for (const [order, change] of [
    ["op Ann", "+o"],
    ["deop Ann", "-o"],
  ] as const) {
    expect(west!.order(order).ok).toBe(true);
    world.deliver();
    const told = [`den: ${change} Ann by the server`];
    expect([...watchers, ann].map(changesTold)).toEqual([told, told, told]);
  }
});

test("members at other servers are told that a device has joined the account of an operator", () => {
  const world = new Neighbours();
  const [east, west] = ["east", "west"].map((id) => world.server(id));
  const watcher = east!.member("Wim", inRoom("den"));
  const ann = owner(east!, "Ann", "desk");
  east!.order("op Ann");
  const phone = withKey(west!, "Pip", "phone", inRoom("den"));
  world.deliver();
  for (const client of [watcher, ann]) client.text();
  ann.send({ type: "device-code", ref: 1 });
  const [answer] = ann.lines();
  phone.send({ type: "link", code: answer?.["code"], label: "phone", ref: 2 });
  world.deliver();
  expect(changesTold(watcher)).toEqual(["den: +o Pip by the server"]);
});

test("members at other servers are told of a rank by a password, and by an account", () => {
  const world = new Neighbours();
  const [east, west] = ["east", "west"].map((id) => world.server(id));
  const watcher = east!.member("Wim", inRoom("den"));
  const ann = owner(east!, "Ann", "desk").send({ type: "set-password", password: "treasure" });
  east!.order("op Ann");
  const irc = ircAt(west!, "Ida").send("JOIN #den");
  const secret = "another-0123456789abcdef";
  const gus = withKey(west!, "Gus", "phone", { ...inRoom("den"), secret });
  const eve = owner(east!, "Eve", "phone");
  east!.order("op Eve");
  world.deliver();
  for (const client of [watcher, ann, gus, eve]) client.text();
  irc.send("OPER Ann treasure");
  gus.send({ type: "admin", command: "ops" });
  world.deliver();
  const told = ["den: +o Ida by the server", "den: +o Gus by the server"];
  expect(changesTold(watcher)).toEqual(told);
  expect(changesTold(gus)).toEqual(told);
});

test("somebody who joins where the end of their rank is not known yet is shown without it", () => {
  const world = new Neighbours();
  const [east, west] = ["east", "west"].map((id) => world.server(id));
  east!.member("Eve", inRoom("den"));
  const ann = owner(east!, "Ann", "desk");
  const watcher = ircAt(west!, "Ida").send("JOIN #den");
  west!.order("op Ann");
  world.deliver();
  watcher.lines();
  west!.order("deop Ann");
  ann.send({ type: "join", room: "den" });
  world.deliver();
  expect(watcher.lines().filter((line) => line.includes("#den"))).toEqual([
    expect.stringContaining("JOIN #den"),
  ]);
});

test("whose account an operator deletes at one server is none for the members at another", () => {
  const world = new Neighbours();
  const [east, west] = ["east", "west"].map((id) => world.server(id));
  const watcher = west!.member("Wim", inRoom("den"));
  owner(east!, "Ann", "desk", inRoom("den"));
  world.deliver();
  west!.order("op Ann");
  world.deliver();
  watcher.text();
  expect(west!.order("forget Ann").ok).toBe(true);
  expect(changesTold(watcher)).toEqual(["den: -o Ann by the server"]);
});
