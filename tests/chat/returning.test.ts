// Logging in, returning and changing rooms in the middle of a turn: nothing is missed, repeated or
// out of order.

import { expect, test } from "bun:test";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { history as limits } from "../../src/limits.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { FailingStore } from "./failing-store.ts";
import { keptBy, memberNames } from "./inspect.ts";
import { type Client, hello, inRoom, Rig, say, since } from "./rig.ts";

const texts = (client: Client) =>
  client
    .lines()
    .filter(({ type }) => type === "message")
    .map(({ text }) => text);
const types = (client: Client) => client.lines().map(({ type }) => type);

test("a takeover in the turn of a message counts it", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  bob.text();
  ann.queue(say(1));
  const back = rig.client().queue(hello("Ann", since(0)));
  rig.settle();
  expect(back.lines()[0]).toMatchObject({
    type: "welcome",
    session: { n: 1, rooms: [{ seq: 1, recovered: true }] },
  });
  back.send(say(1), say(2));
  expect(texts(bob)).toEqual(["m1", "m2"]);
});

test("a return in the turn in which the connection was lost counts it too", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  bob.text();
  ann.queue(say(1));
  rig.hub.handleClose(ann.session, "lost", rig.nowMs);
  bob.queue({ type: "tell", n: 1, to: ["Ann"], text: "psst" });
  const back = rig.client().queue(hello("Ann", since(0)));
  rig.settle();
  expect(back.lines()).toMatchObject([
    { type: "welcome", session: { n: 1, mail: 1 } },
    { type: "joined", name: "Ann" },
    { type: "motd" },
    { type: "topic" },
    { type: "private", mail: 1, text: "psst" },
    { type: "message", seq: 1, text: "m1" },
  ]);
  bob.send({ type: "tell", n: 2, to: ["Ann"], text: "again" });
  expect(back.lines()).toMatchObject([{ type: "private", mail: 2 }]);
});

test("a newcomer in the middle of a turn starts at the room's number there", () => {
  for (const full of [false, true]) {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const bob = rig.member("Bob");
    store.full = full;
    bob.queue(say(1));
    const ann = rig.client().queue(hello("Ann"));
    bob.queue(say(2));
    rig.settle();
    store.full = false;
    bob.send(say(full ? 1 : 3));
    const lines = ann.lines();
    const [{ session }] = lines as [{ session: { rooms: [{ seq: number }] } }];
    const start = session.rooms[0].seq;
    const seqs = lines.filter(({ type }) => type === "message").map(({ seq }) => seq);
    expect(seqs).toEqual(full ? [start + 1] : [start + 1, start + 2]);
  }
});

test("joining a room keeps earlier messages and answers in order", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const cal = rig.member("Cal", inRoom("den"));
  const ann = rig.member("Ann");
  ann.text();
  bob.queue(say(1));
  cal.queue(say(1, "in the den", "den"));
  ann.queue(
    say(1, "mine"),
    { type: "who", room: "lobby", ref: 1 },
    { type: "join", room: "den", ref: 2 },
  );
  rig.settle();
  expect(ann.lines()).toMatchObject([
    { type: "message", text: "m1" },
    { type: "message", text: "mine" },
    { type: "names", ref: 1 },
    { type: "entered", room: "den", seq: 1, ref: 2 },
    { type: "joined", room: "den", name: "Ann" },
    { type: "ack", n: 1, room: "lobby", seq: 2 },
  ]);
});

test("answers before and after a join or part keep their order", () => {
  const rig = new Rig();
  rig.member("Bob", inRoom("den"));
  const ann = rig.member("Ann");
  ann.text();
  const dan = rig.client(openChat).queue("Dan");
  ann.queue({ type: "ping", ref: 1 }, { type: "join", room: "den", ref: 2 });
  ann.queue({ type: "ping", ref: 3 });
  rig.settle();
  expect(types(ann)).toEqual(["joined", "pong", "entered", "joined", "pong"]);
  ann.queue({ type: "ping", ref: 1 }, { type: "part", room: "lobby", ref: 2 });
  ann.queue({ type: "ping", ref: 3 });
  rig.settle();
  expect(types(ann)).toEqual(["pong", "parted", "pong"]);
  expect(dan.text()).toContain("Ann left");
  ann.queue({ type: "rename", name: "Anna" }, { type: "ping" }, { type: "bye" });
  const again = rig.member("Anna");
  again.queue({ type: "rename", name: "Eve" }, { type: "ping", ref: 4 });
  rig.client().queue({ ...hello("Eve"), secret: "Anna-0123456789abcdef" });
  rig.settle();
  expect(again.lines().slice(-3)).toMatchObject([
    { type: "name", name: "Eve" },
    { type: "pong", ref: 4 },
    { type: "bye", code: "replaced" },
  ]);
});

test("joining a room again replays what was missed, and nobody else notices", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  bob.send(say(1));
  for (const client of [ann, bob]) client.text();
  rig.client(openChat).queue("Dan");
  ann.queue({ type: "join", room: "lobby", epoch: "epoch-1", seq: 0, ref: 1 });
  rig.settle();
  expect(types(bob)).toEqual(["joined"]);
  expect(ann.lines()).toMatchObject([
    { type: "joined", name: "Dan" },
    { type: "entered", seq: 1, recovered: true },
    { type: "message", seq: 1 },
  ]);
});

test("a mail replay survives a join", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  rig.member("Ann").close();
  const count = 900;
  for (let n = 1; n <= count; n++) bob.queue({ type: "tell", n, to: ["Ann"], text: `t${n}` });
  rig.settle();
  const ann = rig.client();
  ann.send(hello("Ann", since(0)), { type: "join", room: "den" });
  const mails = ann.lines().filter(({ type }) => type === "private");
  expect(mails.map(({ mail }) => mail)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
});

test("joins and leaves arrive during a replay", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  for (let n = 1; n <= 3 * limits.pageMessages; n++) bob.queue(say(n));
  rig.settle();
  const ann = rig.client();
  ann.link.capacity = 10_000;
  ann.queue(hello("Ann", since(0)), { type: "who", room: "lobby", ref: 1 });
  rig.member("Cal");
  bob.send(say(3 * limits.pageMessages + 1, "live"));
  rig.member("Dan");
  bob.send({ type: "bye" });
  ann.link.capacity = Infinity;
  rig.hub.handleDrain(ann.session, rig.nowMs);
  rig.settle();
  const lines = ann.lines();
  const presence = lines.filter(({ type }) => type === "joined" || type === "left");
  expect(presence).toMatchObject([
    { type: "joined", name: "Ann" },
    { type: "joined", name: "Cal" },
    { type: "joined", name: "Dan" },
    { type: "left", name: "Bob" },
  ]);
  const seqs = lines.filter(({ type }) => type === "message").map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: 3 * limits.pageMessages + 1 }, (_, i) => i + 1));
});

test("unknown numbers and expired mail are not reported as recovered", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  bob.send(say(1));
  rig.member("Ann").close();
  const back = rig.member("Ann", since(5, 9));
  expect(back.lines()[0]).toMatchObject({
    session: { mail: 0, recovered: false, rooms: [{ seq: 1, recovered: false }] },
  });
  back.close();
  // A mailbox may exceed its limit by an eighth before it is trimmed.
  const mails = limits.mailMessages * 1.25;
  for (let n = 2; n <= mails; n++) {
    bob.queue({ type: "tell", n, to: ["Ann"], text: "psst" });
  }
  rig.settle();
  const late = rig.member("Ann", since(1, 0)).lines();
  expect(late[0]).toMatchObject({ type: "welcome", session: { recovered: false } });
  const told = late.filter(({ type }) => type === "private").map(({ mail }) => mail as number);
  expect(told[0]).toBeGreaterThan(1);
  expect(told).toEqual(told.map((_, i) => told[0]! + i));
});

test("what a log and a mailbox have that lost their ends is replayed: their numbers are used again", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  rig.member("Ann").close();
  bob.send(say(1), { type: "tell", n: 2, to: ["Ann"], text: "psst" });
  const [welcome, ...rest] = rig.member("Ann", since(5, 9)).lines();
  expect(welcome).toMatchObject({
    session: { mail: 1, recovered: false, rooms: [{ seq: 1, recovered: false }] },
  });
  expect(rest).toContainEqual(expect.objectContaining({ type: "private", mail: 1, text: "psst" }));
  expect(rest).toContainEqual(expect.objectContaining({ type: "message", seq: 1, from: "Bob" }));
});

test("a session that returns under another spelling of its name is announced", () => {
  const rig = new Rig();
  const bob = rig.client(openChat).send("Bob");
  rig.member("Ann");
  bob.text();
  rig.client().send({ ...hello("ANN"), secret: "Ann-0123456789abcdef" });
  expect(bob.text()).toContain("ANN has joined the chat!");
});

test("asking about a room does not create it", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  ann.text();
  ann.send({ type: "who", room: "den", ref: 1 });
  expect(ann.lines()).toEqual([{ type: "names", room: "den", names: [], total: 0, ref: 1 }]);
  expect(keptBy(rig.hub).rooms).toBe(1);
  rig.member("Bob").send({ type: "invite", to: "Ann" });
  ann.send({ type: "accept" });
  for (let i = 0; i < 30; i++) {
    ann.send({ type: "join", room: `room${i}` }, { type: "part", room: `room${i}` });
  }
  expect(keptBy(rig.hub).rooms).toBe(1);
});

test("mail in the turn of its recipient's join is delivered once", () => {
  const rig = new Rig();
  const bob = rig.client(openChat).send("Bob");
  const ann = rig.member("Ann");
  ann.text();
  bob.queue("~Ann psst");
  ann.queue({ type: "join", room: "lobby", epoch: "epoch-1", seq: 0 });
  rig.settle();
  expect(types(ann)).toEqual(["private", "entered"]);
});

test("private messages of another log are all replayed", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  // The welcome with the new epoch does not arrive.
  rig.member("Ann", { epoch: "epoch-0", mail: 7 }).close();
  bob.send({ type: "tell", n: 1, to: ["Ann"], text: "psst" });
  const ann = rig.member("Ann", { epoch: "epoch-0", mail: 7 });
  const [welcome, ...rest] = ann.lines();
  expect(welcome).toMatchObject({ session: { mail: 1, recovered: false } });
  expect(rest).toContainEqual(expect.objectContaining({ type: "private", mail: 1, text: "psst" }));
});

test("private messages that are no longer kept are not recovered", () => {
  const store = openMemoryStore({ epoch: "epoch-1", retention: { mailBytes: 600 } });
  const rig = new Rig({}, (request) => answerRequest(store, request));
  const bob = rig.member("Bob");
  rig.member("Ann").close();
  for (const [i, text] of ["one", "x".repeat(600)].entries()) {
    bob.send({ type: "tell", n: i + 1, to: ["Ann"], text });
  }
  const ann = rig.member("Ann", since(0));
  expect(ann.lines()[0]).toMatchObject({ session: { mail: 2, recovered: false } });
});

test("a gap far behind the first page of missed mail is not called recovered", () => {
  const store = openMemoryStore({ epoch: "epoch-1", retention: { mailMessages: 700 } });
  const rig = new Rig({}, (request) => answerRequest(store, request));
  rig.member("Ann").close();
  const write = (name: string, address: string, count: number): void => {
    const writer = rig.member(name, {}, address);
    for (let i = 0; i < count; i++) writer.send({ type: "tell", to: ["Ann"], text: `${i}` });
  };
  for (let i = 0; i < 6; i++) write(`Bob${i}`, `192.0.2.${i}`, 100);
  rig.member("Ann", since(0)).close();
  expect(store.mailboxes.countAfter("hash of Ann-0123456789abcdef", 0)).toEqual({
    count: 600,
    last: 600,
  });
  const whole = rig.member("Ann", since(0));
  expect(whole.lines()[0]).toMatchObject({ session: { mail: 600, recovered: true } });
  whole.close();
  // Its own first messages are dropped to make room for the others.
  write("Mallory", "203.0.113.1", 300);
  const page = store.mailboxes.after("hash of Ann-0123456789abcdef", 0, limits.pageMessages);
  expect(page.at(-1)?.mail).toBe(limits.pageMessages);
  const late = rig.member("Ann", since(0));
  expect(late.lines()[0]).toMatchObject({ session: { mail: 900, recovered: false } });
});

test("a name is free for its own network while the departure is in flight to the store", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const ann = rig.member("Ann");
  ann.send(say(1));
  store.timing = ({ type }) => (type === "commit" ? "reply-late" : "now");
  rig.hub.handleClose(ann.session, "lost", rig.nowMs);
  rig.settle();
  const stranger = rig.client(undefined, true, "192.0.2.1");
  stranger.send({ ...hello("Ann"), secret: "stranger-0123456789" });
  expect(stranger.lines()).toMatchObject([{ type: "error", code: "name-taken" }]);
  const own = rig.client().send({ ...hello("Ann"), secret: "another-0123456789" });
  store.timing = () => "now";
  store.release(rig);
  expect(own.lines()[0]).toMatchObject({ type: "welcome", session: { name: "Ann" } });
});

test("a name stays reserved when its owner's login under another name breaks off", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  rig.member("Ann").send(say(1)).close();
  store.timing = ({ type }) => (type === "commit" ? "now" : "run-late");
  rig
    .client()
    .send({ ...hello("Anna"), secret: hello("Ann").secret })
    .close();
  // The stranger's requests are answered first.
  const owners = store.waiting.length;
  const stranger = rig.client(undefined, true, "192.0.2.1");
  stranger.send({ ...hello("Ann"), secret: "stranger-0123456789" });
  while (store.waiting.length > owners) store.releaseOne(rig, owners);
  rig.settle();
  expect(stranger.lines()).toMatchObject([{ type: "error", code: "name-taken" }]);
});

test("a name stays reserved for a user who joined and left while the store was being asked", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const bob = rig.member("Bob");
  store.timing = ({ type }) => (type === "commit" ? "reply-late" : "now");
  bob.send(say(1));
  rig.settle();
  // Ann's record waits behind Bob's batch; the store is asked for the name before it.
  const ann = rig.client().send(hello("Ann"));
  expect(memberNames(rig.hub)).toContain("Ann");
  rig.hub.handleClose(ann.session, "lost", rig.nowMs);
  store.timing = () => "reply-late";
  const stranger = rig.client(undefined, true, "192.0.2.1");
  stranger.send({ ...hello("Ann"), secret: "stranger-0123456789" });
  const typeAt = (at: number) => store.waiting[at]?.type;
  store.releaseOne(rig);
  rig.settle();
  // Only the last of the stranger's requests is answered after Ann's record is in the store.
  while (typeAt(1) !== "commit") store.releaseOne(rig);
  store.releaseOne(rig, 1);
  rig.settle();
  store.release(rig);
  expect(stranger.lines()).toMatchObject([{ type: "error", code: "name-taken" }]);
  expect(memberNames(rig.hub)).toEqual(["Bob"]);
});

test("a name stays reserved for its last holder when an earlier one leaves in the same turn", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const ann = rig.member("Ann");
  ann.send(say(1));
  // From here on nothing is written: in the store the name still belongs to Ann.
  store.full = true;
  ann.send({ type: "rename", name: "Anna" });
  const next = rig.member("Ann", { secret: "the-next-0123456789" }, "192.0.2.1");
  ann.send({ type: "bye" });
  next.close();
  expect(memberNames(rig.hub)).toEqual([]);
  const stranger = rig.client(undefined, true, "192.0.2.2");
  stranger.send({ ...hello("Ann"), secret: "stranger-0123456789" });
  expect(stranger.lines()).toMatchObject([{ type: "error", code: "name-taken" }]);
});
