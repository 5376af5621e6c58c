// Batches that fail, or whose outcome is unknown, while the next one is being filled: acknowledged
// messages are logged once, everything else can be resent, and one sender's failure does not affect
// another.

import { beforeEach, expect, test } from "bun:test";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { output, sender } from "../../src/limits.ts";
import { type CommitOutcome, FailingStore } from "./failing-store.ts";
import { keptBy, nothing } from "./inspect.ts";
import { type Client, Rig, say, since } from "./rig.ts";

let store: FailingStore;
let rig: Rig;

beforeEach(() => {
  store = new FailingStore();
  rig = new Rig({}, store.answer);
});

const retryAfterMs = sender.storageRetryMs;
const refused = (n: number) =>
  expect.objectContaining({ type: "error", code: "storage", n, retryAfterMs });
const texts = (client: Client) =>
  client.lines().flatMap(({ type, text }) => (type === "message" ? [text] : []));
const logged = () => store.store.rooms.after("lobby", 0, 100).map(({ text }) => text);

/** Outcomes of the next commits; later commits all succeed. */
function outcomes(...next: CommitOutcome[]): void {
  store.outcome = () => next.shift() ?? "done";
}

/** Ann's message 1 is in flight, and its commit will fail. */
function failing(): { ann: Client; bob: Client; cal: Client } {
  const people = {
    ann: rig.member("Ann"),
    bob: rig.client(openChat).send("Bob"),
    cal: rig.member("Cal"),
  };
  for (const client of Object.values(people)) client.text();
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  people.ann.send(say(1));
  store.outcome = ({ number }) => (number === failingBatch ? "full" : "done");
  const [request] = store.waiting;
  const failingBatch = request?.type === "commit" ? request.batch.number : 0;
  return people;
}

test("later messages of the same sender are withdrawn with the failed one", () => {
  const { ann, bob } = failing();
  ann.send(say(2), say(3));
  ann.send({ type: "tell", n: 4, to: ["Bob"], text: "psst" });
  store.release(rig);
  expect(ann.lines()).toEqual([refused(1)]);
  expect(bob.text()).toBe("");
  // Ignored until the first one is resent.
  ann.send(say(5));
  expect(ann.text()).toBe("");
  ann.send(say(1), say(2), say(3), { type: "tell", n: 4, to: ["Bob"], text: "psst" }, say(5));
  expect(ann.lines().at(-1)).toMatchObject({ type: "ack", n: 5 });
  expect(bob.text()).toBe("Ann: m1\nAnn: m2\nAnn: m3\nAnn: (PRIVATE)  psst\nAnn: m5\n");
  expect(logged()).toEqual(["m1", "m2", "m3", "m5"]);
});

test("messages of others, and uncounted ones, stay", () => {
  const { ann, bob, cal } = failing();
  ann.send(say(2), { type: "say", room: "lobby", text: "uncounted" });
  bob.send("plain");
  cal.send(say(1, "c1"));
  store.release(rig);
  expect(ann.lines()).toMatchObject([
    { type: "message", seq: 1, text: "uncounted" },
    { type: "message", seq: 2, text: "plain" },
    { type: "message", seq: 3, text: "c1" },
    { type: "error", code: "storage", n: 1, retryAfterMs },
  ]);
  expect(cal.lines().at(-1)).toEqual({ type: "ack", n: 1, room: "lobby", seq: 3 });
  expect(logged()).toEqual(["uncounted", "plain", "c1"]);
});

test("counters return to what is logged, and the stored record is never ahead", () => {
  const { ann } = failing();
  const record = () => store.store.sessions.load(ann.session.identity.recordId)!.n;
  ann.send(say(2));
  expect(ann.session.counter.taken).toBe(2);
  store.releaseOne(rig);
  expect([ann.session.counter.taken, ann.session.counter.settled, record()]).toEqual([0, 0, 0]);
  store.release(rig);
  ann.send(say(1), say(2), say(3));
  expect([ann.session.counter.settled, record()]).toEqual([3, 3]);
});

test("a message waiting for a lookup is not counted after a failed one", () => {
  const { ann } = failing();
  store.timing = () => "run-late";
  ann.send({ type: "tell", n: 2, to: ["Nobody"], text: "psst" });
  expect(store.waiting.map(({ type }) => type)).toEqual(["commit", "find-name", "find-account"]);
  store.release(rig);
  expect(ann.lines()).toEqual([refused(1)]);
  ann.send(say(1), { type: "tell", n: 2, to: ["Nobody"], text: "psst" });
  expect(ann.lines()).toMatchObject([
    { type: "message", text: "m1" },
    { type: "error", code: "unknown-user", n: 2 },
    { type: "ack", n: 2 },
  ]);
});

test("a rejection is sent only once its batch is committed", () => {
  const { ann } = failing();
  store.release(rig);
  ann.text();
  store.full = true;
  store.outcome = () => (store.full ? "full" : "done");
  ann.send(say(1), say(2, "x", "elsewhere"));
  // A batch that is not committed rejects nothing for good.
  expect(ann.lines()).toEqual([refused(1)]);
  store.full = false;
  ann.send(say(1), say(2, "x", "elsewhere"));
  expect(ann.lines()).toMatchObject([
    { type: "message", seq: 1 },
    { type: "error", code: "not-in-room", n: 2, subject: "elsewhere" },
    { type: "ack", n: 2 },
  ]);
});

test("joins and leaves of a failed batch are announced, and the records written later", () => {
  const { bob, cal } = failing();
  const dan = rig.member("Dan");
  cal.close();
  store.outcome = () => "full";
  store.releaseOne(rig);
  rig.settle();
  store.releaseOne(rig);
  rig.settle();
  expect(bob.text()).toContain("Dan has joined the chat!\nCal left the chat...\n");
  expect(dan.lines()[0]).toMatchObject({ type: "welcome", session: { name: "Dan" } });
  expect(store.store.sessions.load(dan.session.identity.recordId)).toBeUndefined();
  store.outcome = () => "done";
  store.release(rig);
  // Nothing else happens: the next sweep writes them.
  rig.pass(2_000, 100);
  expect(store.store.sessions.load(dan.session.identity.recordId)).toMatchObject({ name: "dan" });
  expect(store.store.sessions.find("cal", 0)).toMatchObject({ name: "cal" });
});

test("a session whose departure could not be written keeps its name and counter", () => {
  const ann = rig.member("Ann");
  ann.send(say(1), say(2));
  store.full = true;
  ann.close();
  store.full = false;
  const back = rig.member("Ann", since(2));
  back.send(say(3));
  rig.pass(3_000, 100);
  expect(store.store.sessions.load("hash of Ann-0123456789abcdef")).toMatchObject({
    name: "ann",
    n: 3,
  });
});

test("a failed departure is not written once its session is back", () => {
  const ann = rig.member("Ann");
  store.timing = () => "run-late";
  const hello = { type: "hello", version: 2, name: "Ann", secret: "Ann-0123456789abcdef" };
  const back = rig.client().send({ ...hello, ...since(0) });
  // The old connection closes while the new one waits; its departure is in flight when the new one
  // logs in.
  ann.close();
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  const leaving = store.waiting.findIndex(({ type }) => type === "commit");
  for (let i = 0; i < leaving; i++) store.releaseOne(rig);
  // Then it requests its mail.
  rig.pump();
  expect(back.session.phase).toBe("member");
  back.send(say(1));
  store.full = true;
  store.releaseOne(rig);
  rig.settle();
  store.full = false;
  store.release(rig);
  expect(back.lines().at(-1)).toMatchObject({ type: "ack", n: 1 });
  expect(store.store.sessions.load("hash of Ann-0123456789abcdef")).toMatchObject({ n: 1 });
});

test.each([
  ["taken", ["unknown-taken"]],
  ["taken, and unsure again", ["unknown-taken", "unknown-taken", "unknown-taken"]],
  ["lost", ["unknown-lost"]],
  ["lost, then taken", ["unknown-lost", "unknown-lost", "unknown-taken"]],
] as const)(
  "a batch with an unknown outcome is sent again, and logged once: %s",
  (_name, fates) => {
    const ann = rig.member("Ann");
    const bob = rig.client(openChat).send("Bob");
    for (const client of [ann, bob]) client.text();
    outcomes(...fates);
    ann.send(say(1));
    ann.send(say(2));
    bob.send("~Ann psst");
    expect([ann.text(), bob.text()]).toEqual(["", ""]);
    rig.pass((fates.length + 1) * sender.storageRetryMs, 100);
    expect(ann.lines()).toMatchObject([
      { type: "message", seq: 1, text: "m1" },
      { type: "ack", n: 1, room: "lobby", seq: 1 },
      { type: "message", seq: 2, text: "m2" },
      { type: "private", mail: 1, text: "psst" },
      { type: "ack", n: 2, room: "lobby", seq: 2 },
    ]);
    expect(bob.text()).toBe("Ann: m1\nAnn: m2\nfrom you to Ann: (PRIVATE)  psst\n");
    expect(logged()).toEqual(["m1", "m2"]);
  },
);

test("a batch with an unknown outcome that turns out to have failed can be resent", () => {
  const ann = rig.member("Ann");
  const bob = rig.client(selectChat).send("Bob");
  for (const client of [ann, bob]) client.text();
  outcomes("unknown-lost", "full");
  ann.send(say(1));
  ann.send(say(2));
  expect(ann.text()).toBe("");
  rig.pass(2 * sender.storageRetryMs, 100);
  expect(ann.lines()).toEqual([refused(1)]);
  ann.send(say(1), say(2));
  expect(texts(ann)).toEqual(["m1", "m2"]);
  expect(bob.text()).toBe("Ann : ALL - m1\nAnn : ALL - m2\n");
  expect(logged()).toEqual(["m1", "m2"]);
});

test("a read with an unknown outcome is repeated", () => {
  const ann = rig.member("Ann");
  ann.send(say(1));
  ann.text();
  let unsure = 2;
  store.unsure = () => unsure-- > 0;
  ann.send({ type: "history", room: "lobby", ref: 1 });
  expect(ann.text()).toBe("");
  rig.pass(3 * sender.storageRetryMs, 100);
  expect(ann.lines()).toMatchObject([{ type: "history", ref: 1, messages: { length: 1 } }]);
});

test("a sender gets one error for a failed batch, however many of its messages were in it", () => {
  const ann = rig.member("Ann");
  const bob = rig.client(openChat).send("Bob");
  for (const client of [ann, bob]) client.text();
  store.full = true;
  ann.queue(say(1), say(2), { type: "tell", n: 3, to: ["Bob"], text: "psst" });
  bob.queue("one", "~Ann two", "three");
  rig.settle();
  expect(ann.lines()).toEqual([refused(1)]);
  expect(bob.text()).toBe("The disk is full: make space\n");
  for (const client of [ann, bob]) client.close();
  store.full = false;
  rig.pass(2_000, 100);
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("what other servers could not be told is refused once there is too much of it", () => {
  rig = new Rig({ shared: { roomOpened() {} } }, store.answer);
  const ann = rig.member("Ann");
  const most = output.maxGatheredChars / output.gatheredEntryChars;
  store.full = true;
  let isRefused = false;
  for (let asked = 0; !isRefused && asked < 2 * most; asked += 1_000) {
    for (let i = 0; i < 1_000; i++) ann.queue({ type: "admin", command: `away ${i}` });
    rig.settle();
    isRefused = ann.text().includes("too slow");
  }
  expect(isRefused).toBe(true);
  store.full = false;
  rig.pass(2_000, 100);
  ann.text();
  ann.send({ type: "admin", command: "away at last" });
  expect(ann.text()).toContain("You are away: at last");
});
