// Room operators and away status in the native protocol: which commands they have, and what others
// are told.

import { expect, test } from "bun:test";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { history, names, people, rights } from "../../src/limits.ts";
import { Rights } from "../../src/chat/rights/rights.ts";
import type { StoreReply, StoreRequest } from "../../src/chat/turn/store.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { ircAt } from "../dialects/irc/rig.ts";
import { owner, withKey } from "./owner.ts";
import { type Client, inRoom, Rig } from "./rig.ts";
import { keepingLog } from "../silent-log.ts";

function order(client: Client, command: string): Record<string, unknown> | undefined {
  client.text();
  client.send({ type: "admin", command, ref: 1 });
  return client.lines().find(({ ref }) => ref === 1);
}

function told(client: Client): Record<string, unknown>[] {
  return client.lines().filter(({ type }) => type !== "message");
}

test("the user who opens a room is its operator; the lobby has none", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRoom("den"));
  const bob = rig.member("Bob", { rooms: [{ room: "den" }, { room: "lobby" }] });
  expect(order(bob, "mode den +m")).toMatchObject({ type: "error", code: "not-allowed" });
  expect(order(bob, "mode lobby +m")).toMatchObject({ type: "error", code: "not-allowed" });
  expect(order(ann, "mode den +m")).toMatchObject({ message: "Set +m in den" });
  expect(told(bob)).toEqual([{ type: "mode", room: "den", by: "Ann", change: "+m" }]);
  bob.send({ type: "say", room: "den", text: "hi" });
  expect(bob.lines()).toMatchObject([{ type: "error", code: "muted" }]);
  order(ann, "mode den +v bob");
  bob.text();
  bob.send({ type: "say", room: "den", text: "hi" });
  expect(bob.lines()).toMatchObject([{ type: "message", text: "hi" }]);
  expect(order(ann, "mode den")).toMatchObject({ message: "den: +mnt" });
  for (const [modes, why] of [
    ["+y", "'y' is no mode"],
    ["+l", "'l' needs an argument"],
    ["+l 0", "'0' is no limit. A limit is a number from 1 to 999999"],
    ["+l 1000000", "'1000000' is no limit. A limit is a number from 1 to 999999"],
  ]) {
    const refusal = { type: "error", code: "usage", message: `${why}: docs/irc.md` };
    expect(order(ann, `mode den ${modes}`)).toMatchObject(refusal);
  }
  expect(order(ann, "mode nowhere +m")).toMatchObject({ type: "error", code: "not-found" });
});

test("what was set is logged and told, even if the rest can't be", () => {
  const { log, logged } = keepingLog();
  const rig = new Rig({ log });
  const ann = rig.member("Ann", inRoom("den"));
  rig.member("Bob", inRoom("den"));
  logged.length = 0;
  const why = "Nobody here is called 'Zed': check who is here";
  expect(order(ann, "mode den +v Zed")).toMatchObject({ type: "error", message: why });
  expect(logged).toEqual([]);
  expect(order(ann, "mode den +ovm Bob Zed")).toMatchObject({
    type: "error",
    message: `${why}. Only this is set: +om Bob`,
  });
  expect(logged).toMatchObject([
    { message: "room changed", fields: { target: "den", change: "+om Bob", by: "Ann" } },
  ]);
});

test("the lobby can't be closed: old clients know no other room", () => {
  const rig = new Rig();
  rig.member("Ann");
  for (const modes of ["+k tea", "+l 1", "+i", "+s"]) {
    expect(rig.order(`mode lobby ${modes}`).message).toBe(
      "The lobby is open to everybody: use another room",
    );
  }
  expect(rig.order("mode lobby -ikls").ok).toBe(true);
  expect(rig.client(openChat).send("Cal").text()).toContain("Cal has joined");
});

test("a lobby that an earlier version has let them close is open", () => {
  const rig = new Rig();
  const { rooms } = rig.hub.options.rights;
  rooms.change("lobby", { key: "tea", limit: 1, flags: ["invite-only"] });
  rig.member("Ann");
  expect(rig.client(openChat).send("Cal").text()).toContain("Cal has joined");
});

test("invitations and removals", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRoom("den"));
  const bob = rig.member("Bob");
  order(ann, "mode den +i");
  bob.text();
  bob.send({ type: "join", room: "den", ref: 2 });
  expect(bob.lines()).toMatchObject([{ type: "error", code: "invite-only", ref: 2 }]);
  expect(order(ann, "call den bob")).toMatchObject({ message: "Invited Bob into den" });
  expect(bob.lines()).toEqual([{ type: "call", room: "den", from: "Ann" }]);
  bob.send({ type: "join", room: "den", ref: 3 });
  expect(bob.lines()).toMatchObject([{ type: "entered", ref: 3 }, { type: "joined" }]);
  expect(order(ann, "remove den Bob enough")).toMatchObject({ message: "Bob is no longer in den" });
  expect(bob.lines()).toEqual([{ type: "parted", room: "den", by: "Ann", text: "enough" }]);
  bob.send({ type: "join", room: "den", ref: 4 });
  expect(bob.lines()).toMatchObject([{ type: "error", code: "invite-only" }]);
});

/** The type of the answer to a guest who wants to enter. */
function enterDen(guest: Client | undefined): unknown {
  guest?.text();
  guest?.send({ type: "join", room: "den", ref: 1 });
  return guest?.lines().find(({ ref }) => ref === 1)?.["type"];
}

test("people who are invited and never come leave room for others", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRoom("den"));
  order(ann, "mode den +i");
  const guests = Array.from({ length: people.maxCalled + 1 }, (_, i) => rig.member(`G${i}`));
  for (const { session } of guests) {
    const message = `Invited ${session.name} into den`;
    expect(order(ann, `call den ${session.name}`)).toMatchObject({ message });
  }
  expect(enterDen(guests.at(-1))).toBe("entered");
  expect(enterDen(guests[1])).toBe("entered");
  // The oldest invitation has expired.
  expect(enterDen(guests[0])).toBe("error");
  order(ann, "call den G0");
  expect(enterDen(guests[0])).toBe("entered");
});

test("going away is announced in the rooms once, in every dialect, and so is coming back", () => {
  const rig = new Rig();
  const [ann, bob] = [rig.member("Ann"), rig.member("Bob")];
  const emil = rig.client(lineChat);
  emil.send("Emil");
  emil.text();
  ann.text();
  order(bob, "away lunch\u0007");
  expect(told(ann)).toEqual([{ type: "away", room: "lobby", name: "Bob", text: "lunch" }]);
  expect(emil.text()).toBe("\nBob is away: lunch\n");
  order(bob, "away lunch");
  expect(told(ann)).toEqual([]);
  order(bob, "away");
  expect(told(ann)).toEqual([{ type: "away", room: "lobby", name: "Bob" }]);
});

test("decisions of a server operator outlast the room", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRoom("den"));
  expect(rig.order("mode den +k secret")).toMatchObject({ ok: true });
  ann.send({ type: "bye" });
  ann.close();
  const bob = rig.member("Bob");
  bob.text();
  bob.send({ type: "join", room: "den", ref: 1 });
  expect(bob.lines()).toMatchObject([{ type: "error", code: "room-key" }]);
});

test("a message for everybody is a message to the lobby", () => {
  const rig = new Rig();
  const bob = rig.member("Bob", { rooms: [{ room: "lobby" }, { room: "den" }] });
  const ann = rig.member("Ann");
  const tell = (to: string[]) => {
    bob.text();
    ann.text();
    bob.send({ type: "tell", n: bob.session.counter.taken + 1, to, text: "hi" });
    return { bob: bob.lines(), ann: ann.lines() };
  };
  rig.order("mode lobby +m");
  expect(tell(["ALL"])).toMatchObject({
    bob: [{ type: "error", code: "muted", n: 1, subject: "lobby" }, { type: "ack" }],
    ann: [],
  });
  expect(tell(["ALL", "Ann"])).toMatchObject({
    bob: [
      { type: "error", code: "muted" },
      { type: "ack", n: 2 },
    ],
    ann: [{ type: "private" }],
  });
  rig.order("mode lobby -m+b bob!*@*");
  expect(tell(["ALL"])).toMatchObject({ bob: [{ code: "muted" }, { type: "ack" }], ann: [] });
  rig.order("mode lobby -b bob!*@*");
  expect(tell(["ALL"])).toMatchObject({ ann: [{ type: "message", room: "lobby" }] });
});

/** The rooms of the welcome, and the codes and subjects of the errors after it. */
function entered(client: Client): { rooms: unknown; errors: unknown[] } {
  const lines = client.lines();
  const { session } = lines[0] as { session: { rooms: { room: string }[] } };
  const errors = lines.filter(({ type }) => type === "error");
  return {
    rooms: session.rooms.map(({ room }) => room),
    errors: errors.map(({ code, subject, to }) => [code, subject ?? to]),
  };
}

test("a login enters only the rooms that a join would enter", () => {
  const rig = new Rig();
  rig.member("Ann", { rooms: ["invited", "keyed", "small", "quiet"].map((room) => ({ room })) });
  rig.order("mode invited +i");
  rig.order("mode keyed +k secret");
  rig.order("mode small +l 1");
  rig.order("mode quiet +b bob!*@*");
  const rooms = ["invited", "lobby", "keyed", "small", "quiet"].map((room) => ({ room }));
  const bob = rig.member("Bob", { rooms });
  expect(entered(bob)).toEqual({
    rooms: ["lobby"],
    errors: [
      ["invite-only", "invited"],
      ["room-key", "keyed"],
      ["room-full", "small"],
      ["room-banned", "quiet"],
    ],
  });
  bob.send({ type: "join", room: "keyed", key: "wrong", ref: 1 });
  expect(bob.lines()).toMatchObject([{ type: "error", code: "room-key" }]);
  bob.send({ type: "join", room: "keyed", key: "secret", ref: 2 });
  expect(bob.lines()[0]).toMatchObject({ type: "entered", ref: 2 });
  const cal = rig.member("Cal", { rooms: [{ room: "quiet" }, { room: "keyed", key: "secret" }] });
  expect(entered(cal)).toEqual({ rooms: ["quiet", "keyed"], errors: [] });
});

test("a member that connects again stays, and one that lost the connection may return for a while", () => {
  const rig = new Rig();
  rig.member("Ann", inRoom("den"));
  rig.member("Bob", inRoom("den"));
  rig.order("mode den +ikl nobody 2");
  const again = rig.member("Bob", inRoom("den"));
  expect(entered(again)).toEqual({ rooms: ["den"], errors: [] });
  again.close("lost");
  const back = rig.member("Bob", inRoom("den"));
  expect(entered(back)).toEqual({ rooms: ["den"], errors: [] });
  back.close("lost");
  rig.nowMs += history.mailHoldMs;
  const late = rig.member("Bob", inRoom("den"));
  expect(entered(late)).toEqual({ rooms: [], errors: [["invite-only", "den"]] });
});

test("a member that was removed, banned or said goodbye does not return", () => {
  const rig = new Rig();
  rig.member("Ann", inRoom("den"));
  let bob = rig.member("Bob", inRoom("den"));
  rig.order("mode den +i");
  bob.close("lost");
  bob = rig.member("Bob", inRoom("den"));
  rig.order("remove den Bob");
  bob.close("lost");
  bob = rig.member("Bob", inRoom("den"));
  expect(entered(bob)).toEqual({ rooms: [], errors: [["invite-only", "den"]] });
  rig.order("mode den -i");
  bob.send({ type: "join", room: "den" }).close("lost");
  rig.order("mode den +b bob!*@*");
  bob = rig.member("Bob", inRoom("den"));
  expect(entered(bob)).toEqual({ rooms: [], errors: [["room-banned", "den"]] });
  rig.order("mode den -b bob!*@*");
  bob.send({ type: "join", room: "den" }, { type: "bye" }).close();
  rig.order("mode den +i");
  expect(entered(rig.member("Bob", inRoom("den"))).rooms).toEqual([]);
});

test("a member without a rank evades a ban by no other name, nor takes one that is banned", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRoom("den"));
  const bob = rig.member("Bob", inRoom("den"));
  const rename = (name: string) => {
    bob.text();
    const [answer] = bob.send({ type: "rename", name, ref: 1 }).lines();
    return answer?.["type"] === "error" ? answer["message"] : answer?.["type"];
  };
  order(ann, "mode den +b eve!*@*");
  expect(rename("Eve")).toBe(
    "The name 'Eve' is banned from 'den': leave it before you change your name",
  );
  expect(rename("Rob")).toBe("renamed");
  order(ann, "mode den +b rob!*@*");
  expect(rename("Bob")).toBe("You are banned from 'den': leave it before you change your name");
  order(ann, "mode den +v Rob");
  expect(rename("Eve")).toBe("renamed");
  order(ann, "mode den -v Eve");
  bob.send({ type: "part", room: "den" });
  expect(rename("Bob")).toBe("name");
});

test("whoever takes over their own connection, alone in a room, does not open it", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRoom("den"));
  rig.member("Bob", inRoom("den"));
  ann.close();
  const again = rig.member("Bob", inRoom("den"));
  expect(order(again, "mode den +m")).toMatchObject({ type: "error", code: "not-allowed" });
  const back = rig.member("Ann", inRoom("den"));
  expect(order(back, "mode den +m")).toMatchObject({ message: "Set +m in den" });
});

test("a rank is announced even if nothing more can be stored", () => {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk").send({ type: "join", room: "den" });
  rig.member("Bob", inRoom("den"));
  const { rooms } = rig.hub.options.rights;
  for (let i = 0; i < rights.maxRoomSettings; i++) rooms.change(`room${i}`, { topic: "t" });
  ann.text();
  ann.send({ type: "admin", command: "mode den +vm Bob", ref: 1 });
  expect(told(ann)).toMatchObject([
    { type: "mode", room: "den", by: "Ann", change: "+v Bob" },
    { type: "error", ref: 1 },
  ]);
});

test("people who lost the connection may return, however many of one network lose it after them", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRoom("den"), "192.0.2.1");
  Object.assign(ann.session.peer, { tls: true });
  expect(order(ann, "mode den +i")).toMatchObject({ message: "Set +i in den" });
  order(ann, "away at lunch");
  const ivy = rig.member("Ivy");
  order(ann, "call den Ivy");
  ivy.send({ type: "join", room: "den" });
  ann.close();
  const rooms = Array.from({ length: names.maxRoomsPerSession }, (_, i) => ({ room: `m${i}` }));
  for (let i = 0; i * rooms.length <= people.maxLostMembers + 100; i++) {
    const mallory = rig.member(`M${i}`, { rooms }, "192.0.2.66");
    mallory.send({ type: "admin", command: "away x" });
    mallory.close();
  }
  const back = rig.member("Ann", inRoom("den"), "192.0.2.1");
  expect(told(back).map(({ type }) => type)).toEqual(["welcome", "joined", "away"]);
  Object.assign(back.session.peer, { tls: true });
  expect(order(back, "mode den +m")).toMatchObject({ message: "Set +m in den" });
});

/** Moderates rooms of their own one after another, and leaves; returns how many it could. */
function moderate(client: Client, rooms: number): number {
  Object.assign(client.session.peer, { tls: true });
  let done = 0;
  for (let i = 0; i < rooms; i++) {
    const room = `${client.session.name.toLowerCase()}-${i}`;
    client.send({ type: "join", room });
    if (order(client, `mode ${room} +m`)?.["type"] === "admin") done++;
    client.send({ type: "part", room });
  }
  return done;
}

test("one network can't use up the settings that outlast rooms, before a restart or after", () => {
  const store = openMemoryStore();
  const answer = (request: StoreRequest): StoreReply => answerRequest(store, request);
  const kept = (): Rights => new Rights(store.rights.load());
  let rig = new Rig({ rights: kept() }, answer);
  const own = rights.maxRoomSettingsPerOwner;
  const mallory = withKey(rig, "Mallory", "m1", {}, "192.0.2.66");
  expect(moderate(mallory, rights.maxRoomSettings)).toBe(own);
  expect(4 * own).toBeLessThanOrEqual(rights.maxRoomSettings);
  rig = new Rig({ rights: kept() }, answer);
  expect(moderate(withKey(rig, "Mal", "m2", {}, "192.0.2.66"), 3)).toBe(0);
  expect(moderate(withKey(rig, "Ann", "desk", {}, "192.0.2.1"), 3)).toBe(3);
});

test("what people say on leaving can't control anybody's terminal, and a mask has no control characters", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", inRoom("den"));
  const ivy = ircAt(rig, "Ivy").send("JOIN #den");
  const eve = ircAt(rig, "Eve").send("JOIN #den");
  eve.client.text();
  ivy.send("PART #den :see\0 \u001b[31myou\u0007");
  expect(eve.client.text()).toEndWith("PART #den :see you\r\n");
  expect(order(ann, "mode den +b a\0b")).toMatchObject({ type: "error" });
  expect(order(ann, "mode den +b a\ud83d")).toMatchObject({ type: "error" });
});
