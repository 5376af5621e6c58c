// A store that can't be read: sessions that need it get an error, nothing else changes, and
// everyone else continues.

import { beforeEach, expect, test } from "bun:test";
import { ratesFor } from "../../src/chat/rates/rate-budget.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { history as limits, sender } from "../../src/limits.ts";
import { keptBy, nothing } from "./inspect.ts";
import { ircAt } from "../dialects/irc/rig.ts";
import { FailingStore } from "./failing-store.ts";
import { inRoom, Rig, since } from "./rig.ts";

const secret = "Ann-0123456789abcdef";
const unread = expect.objectContaining({ type: "error", code: "storage" });

let store: FailingStore;
let rig: Rig;

beforeEach(() => {
  store = new FailingStore();
  rig = new Rig({}, store.answer);
});

test("a login that cannot be checked is refused, and disturbs nobody", () => {
  const ann = rig.member("Ann");
  ann.text();
  store.unreadable = true;
  const hello = { type: "hello", version: 2, name: "Ann", secret, ...inRoom("den") };
  const again = rig.client().send(hello);
  expect(again.lines()).toEqual([unread]);
  expect(again.link.ended).toBe(true);
  expect(ann.link.ended).toBe(false);
  const bob = rig.client(openChat).send("Bob");
  ann.send({ type: "say", room: "lobby", n: 1, text: "still here" });
  expect(ann.lines()).toContainEqual({ type: "ack", n: 1, room: "lobby", seq: 1 });
  expect(keptBy(rig.hub).rooms).toBe(1);
  for (const client of [ann, bob, again]) client.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("a failed join changes nothing", () => {
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  ann.send({ type: "join", room: "den" }, { type: "join", room: "lobby" });
  ann.text();
  store.unreadable = true;
  ann.send({ type: "join", room: "den", ref: 1, ...since(0) });
  expect(ann.lines()).toEqual([expect.objectContaining({ code: "storage", ref: 1 })]);
  bob.send({ type: "say", room: "lobby", n: 1, text: "hi" });
  expect(ann.lines()).toEqual([expect.objectContaining({ type: "message", text: "hi" })]);
  ann.send({ type: "history", room: "lobby", ref: 2 });
  expect(ann.lines()).toEqual([expect.objectContaining({ code: "storage", ref: 2 })]);
});

test("a private message whose lookup failed can be resent", () => {
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  bob.close("lost");
  ann.text();
  store.unreadable = true;
  const psst = { type: "tell", n: 1, to: ["ALL", "Bob"], text: "psst" };
  ann.send(psst);
  const retryAfterMs = sender.storageRetryMs;
  expect(ann.lines()).toEqual([expect.objectContaining({ code: "storage", n: 1, retryAfterMs })]);
  store.unreadable = false;
  ann.send(psst);
  expect(ann.lines()).toContainEqual({ type: "ack", n: 1, room: "lobby", seq: 1 });
  const back = rig.client();
  back.send({
    type: "hello",
    version: 2,
    name: "Bob",
    secret: "Bob-0123456789abcdef",
    ...since(0),
  });
  expect(back.lines()).toContainEqual(expect.objectContaining({ type: "private", text: "psst" }));
});

test("delayed messages behind it are neither lost nor sent first", () => {
  rig = new Rig({ rates: ratesFor(1) }, store.answer);
  const ann = rig.member("Ann");
  for (let n = 1; n <= 5; n++) ann.queue({ type: "say", room: "lobby", n, text: `m${n}` });
  ann.queue({ type: "tell", n: 6, to: ["Bob"], text: "psst" });
  ann.queue(
    { type: "say", room: "lobby", n: 7, text: "m7" },
    { type: "say", room: "lobby", text: "uncounted" },
  );
  rig.settle();
  store.unreadable = true;
  rig.pass(20_000, 100);
  const heard = ann.lines();
  expect(heard).toContainEqual(expect.objectContaining({ code: "storage", n: 6 }));
  const texts = heard.filter(({ type }) => type === "message").map(({ text }) => text);
  expect(texts).toEqual(["m1", "m2", "m3", "m4", "m5", "uncounted"]);
});

test("a member whose replay fails is disconnected as lost, and can return", () => {
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  for (let n = 1; n <= limits.pageMessages; n++)
    ann.queue({ type: "say", room: "lobby", n, text: "x" });
  rig.settle();
  bob.close("lost");
  ann.text();
  const hello = { type: "hello", version: 2, name: "Bob", secret: "Bob-0123456789abcdef" };
  const back = rig.client().queue({ ...hello, ...since(0) });
  store.unreadable = true;
  rig.settle();
  const lines = back.lines();
  expect(lines[0]).toMatchObject({ type: "welcome" });
  expect(lines.at(-1)).toEqual({ type: "bye", reason: "The disk reports an error: check it" });
  expect(back.link.ended).toBe(true);
  expect(ann.lines()).toContainEqual({ type: "left", room: "lobby", name: "Bob", reason: "lost" });
  expect(rig.log).toContain("The disk reports an error: check it");
  store.unreadable = false;
  const once = rig.client().send({ ...hello, ...since(0) });
  const said = once.lines().filter(({ type }) => type === "message");
  expect(said).toHaveLength(limits.pageMessages);
});

test("a room at other servers whose members can't be read is an error, not an empty list", () => {
  rig = new Rig({ shared: { roomOpened() {} } }, store.answer);
  const ann = rig.member("Ann");
  const bob = ircAt(rig, "Bob");
  ann.text();
  store.unreadable = true;
  ann.send({ type: "who", room: "den", ref: 1 });
  expect(ann.lines()).toMatchObject([{ type: "error", code: "storage", ref: 1 }]);
  for (const line of ["NAMES #den", "WHO #den"]) {
    expect(bob.send(line).lines()).toEqual([
      ":irc.test NOTICE Bob :The disk reports an error: check it",
    ]);
  }
});
