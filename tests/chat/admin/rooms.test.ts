// Topics, the message of the day, and private rooms: who is notified of what, and that strangers
// learn nothing.

import { describe, expect, test } from "bun:test";
import type { Dialect } from "../../../src/chat/dialect.ts";
import { Rights } from "../../../src/chat/rights/rights.ts";
import { dialects } from "../../../src/dialects/table.ts";
import { rights as limits } from "../../../src/limits.ts";
import { FailingStore } from "../failing-store.ts";
import { ownerAt } from "../../../src/share-owner.ts";
import { owner, withKey } from "../owner.ts";
import { type Client, Rig, say } from "../rig.ts";

/** The text dialects; IRC has separate tests. */
const social = Object.values(dialects).flatMap((entry): Dialect[] => {
  if (entry.transport === "udp" || entry.dialect.hasLogin === false) return [];
  return entry.dialect.name === "irc" ? [] : [entry.dialect];
});

const of = (client: Client, ...types: string[]) =>
  client.lines().filter(({ type }) => types.includes(String(type)));

/** A private room with Ann in it, and a message of hers. */
function den(): { rig: Rig; ann: Client } {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk");
  ann.send({ type: "join", room: "den" }, say(1, "treasure", "den"));
  rig.order("private den");
  rig.order("allow den Ann");
  return { rig, ann };
}

describe("a private room", () => {
  test("people who lose access are removed, guests may return", () => {
    const { rig, ann } = den();
    expect(of(ann, "parted")).toHaveLength(1);
    ann.send({ type: "join", room: "den", ref: 1 });
    expect(of(ann, "entered")).toMatchObject([{ room: "den", seq: 1 }]);
    rig.order("disallow den Ann");
    expect(of(ann, "parted")).toMatchObject([{ room: "den" }]);
    ann.send(say(2, "still", "den"));
    expect(of(ann, "error")).toMatchObject([{ code: "not-in-room", n: 2 }]);
  });

  test("nobody else enters it, reads it, or learns its members or its existence", () => {
    const { rig, ann } = den();
    ann.send({ type: "join", room: "den" });
    const since = { epoch: "epoch-1", rooms: [{ room: "lobby" }, { room: "den", seq: 0 }] };
    const eve = rig.member("Eve", since);
    const thief = withKey(rig, "Mallory", "phone", since);
    for (const stranger of [eve, thief]) {
      const [welcome] = of(stranger, "welcome");
      const { rooms } = welcome!["session"] as { rooms: { room: string }[] };
      expect(rooms.map(({ room }) => room)).toEqual(["lobby"]);
      stranger.send({ type: "join", room: "den", seq: 0, epoch: "epoch-1", ref: 1 });
      stranger.send({ type: "join", room: "DEN", ref: 2 });
      stranger.send({ type: "history", room: "den", ref: 3 });
      stranger.send({ type: "who", room: "den", ref: 4 });
      stranger.send({ type: "rooms", ref: 5 });
      stranger.send(say(1, "hello", "den"));
      const heard = stranger.lines();
      const answers = Object.fromEntries(heard.map((line) => [String(line["ref"]), line]));
      expect(answers["1"]).toMatchObject({ code: "not-allowed" });
      expect(answers["2"]).toMatchObject({ code: "not-allowed" });
      expect(answers["3"]).toMatchObject({ code: "not-in-room" });
      expect(answers["4"]).toMatchObject({ names: [], total: 0 });
      expect(answers["5"]).toMatchObject({ rooms: [{ room: "lobby" }] });
      expect(JSON.stringify(heard)).not.toMatch(/treasure|Ann/);
      ann.send(say(3, "more treasure", "den"));
      expect(stranger.text()).toBe("");
    }
    const moves = of(ann, "joined", "left").filter(({ room }) => room === "den");
    expect(moves.filter(({ name }) => name !== "Ann")).toEqual([]);
    ann.send({ type: "rooms", ref: 6 });
    expect(of(ann, "rooms")).toMatchObject([{ rooms: [{ room: "den" }, { room: "lobby" }] }]);
  });

  test("a guest is recognized by the account, under any name and on a new connection", () => {
    const { rig, ann } = den();
    ann.close("quit");
    const again = withKey(rig, "Other", "desk", { rooms: [{ room: "den" }] });
    const [welcome] = of(again, "welcome");
    expect(welcome!["session"]).toMatchObject({ rooms: [{ room: "den" }] });
  });

  test("becomes public again", () => {
    const { rig } = den();
    expect(rig.order("public den")).toMatchObject({ ok: true });
    const eve = rig.member("Eve");
    eve.send({ type: "join", room: "den", ref: 1 });
    expect(of(eve, "entered")).toHaveLength(1);
    expect(rig.order("allow den Ann")).toMatchObject({ ok: false, code: "usage" });
  });

  test("the lobby can't be private, and only registered users can be guests", () => {
    const { rig } = den();
    rig.member("Eve");
    expect(rig.order("private Lobby")).toMatchObject({ ok: false, code: "usage" });
    expect(rig.order("allow den Eve")).toMatchObject({ ok: false, code: "not-found" });
    expect(rig.order("private no/room")).toMatchObject({ ok: false, code: "room-invalid" });
  });

  test("has a limited number of guests", () => {
    const { rooms } = new Rights();
    const guests = Array.from({ length: limits.maxGuests }, (_, i) => `g${i}`);
    expect(rooms.change("den", { isPrivate: true, guests })).toBe(true);
    expect(rooms.change("den", { guests: [...guests, "more"] })).toBe(false);
    for (let i = 1; i < limits.maxRoomSettings; i++) rooms.change(`r${i}`, { topic: "x" });
    expect(rooms.change("one-more", { topic: "x" })).toBe(false);
    expect(rooms.change("r1", { topic: "" })).toBe(true);
    expect(rooms.change("one-more", { topic: "x" })).toBe(true);
  });

  test("counts for whoever began its settings, until they are cleared", () => {
    const { rooms } = new Rights();
    const by = { isKnown: true, payer: ownerAt("192.0.2.66") };
    const own = limits.maxRoomSettingsPerOwner;
    for (let i = 0; i < own; i++) expect(rooms.change(`r${i}`, { topic: "x" }, by)).toBe(true);
    expect(rooms.change("more", { topic: "x" }, by)).toBe(false);
    expect(rooms.change("r1", { topic: "y" }, by)).toBe(true);
    // By an operator of the server.
    expect(rooms.change("r1", { topic: "" })).toBe(true);
    expect(rooms.change("more", { topic: "x" }, by)).toBe(true);
    expect(rooms.change("still-more", { topic: "x" }, by)).toBe(false);
    expect(rooms.change("still-more", { topic: "x" })).toBe(true);
  });
});

describe("a topic", () => {
  test("is shown on entering and when it changes, in every dialect", () => {
    const rig = new Rig();
    const ann = rig.member("Ann");
    const old = social.map((dialect, index) => {
      const client = rig.client(dialect);
      rig.pass(200);
      return client.send(`Old${index}`);
    });
    rig.pass(500);
    for (const client of [ann, ...old]) client.text();
    rig.order("topic Lobby Tea and\u001b[31m biscuits");
    rig.pass(500);
    expect(ann.lines()).toEqual([{ type: "topic", room: "lobby", topic: "Tea and biscuits" }]);
    for (const client of old)
      expect(client.text()).toContain("the topic of lobby: Tea and biscuits");
    const bob = rig.member("Bob");
    expect(bob.lines().map(({ type }) => type)).toEqual(["welcome", "joined", "topic"]);
    rig.order("topic lobby");
    expect(of(bob, "topic")).toEqual([{ type: "topic", room: "lobby", topic: "" }]);
    expect(of(rig.member("Cal"), "topic")).toEqual([]);
  });

  test("of a room is shown to those who join it later", () => {
    const rig = new Rig();
    rig.order("topic den Secrets");
    const ann = rig.member("Ann");
    ann.text();
    ann.send({ type: "join", room: "den", ref: 1 });
    expect(ann.lines().map(({ type }) => type)).toEqual(["entered", "joined", "topic"]);
  });
});

describe("the message of the day", () => {
  test("is sent on entering: the file's, until an operator sets another one", () => {
    const rig = new Rig({ motd: () => "Welcome\nBe kind" });
    const motd = { type: "motd", text: "Welcome\nBe kind" };
    expect(of(rig.member("Ann"), "motd")).toEqual([motd]);
    // Whose client shows only what has changed.
    const returning = rig.member("Ann", { epoch: "epoch-1", mail: 0 });
    expect(of(returning, "motd")).toEqual([motd]);
    const old = rig.client(social[0]);
    old.send("Old");
    expect(old.text()).toContain("Be kind");
    rig.order("motd Closed at nine");
    expect(of(rig.member("Bob"), "motd")).toEqual([{ type: "motd", text: "Closed at nine" }]);
    rig.order("motd");
    expect(of(rig.member("Cal"), "motd")).toEqual([]);
  });
});

test("everything survives a restart", () => {
  const store = new FailingStore();
  const start = () => new Rig({ rights: new Rights(store.store.rights.load()) }, store.answer);
  const before = start();
  owner(before, "Ann", "desk");
  for (const line of ["topic den Secrets", "private den", "allow den Ann", "motd Hello"]) {
    expect(before.order(line)).toMatchObject({ ok: true });
  }
  store.reopen();
  const after = start();
  const eve = after.member("Eve");
  expect(of(eve, "motd")).toEqual([{ type: "motd", text: "Hello" }]);
  eve.send({ type: "join", room: "den", ref: 1 });
  expect(of(eve, "error")).toMatchObject([{ code: "not-allowed" }]);
  const ann = withKey(after, "Ann", "desk", { rooms: [{ room: "den" }] });
  expect(of(ann, "topic")).toMatchObject([{ room: "den", topic: "Secrets" }]);
});
