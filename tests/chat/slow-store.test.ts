// A store that answers late: requests that do not need it are answered meanwhile, nobody receives
// uncommitted messages, and nothing is missed or repeated.

import { beforeEach, expect, test } from "bun:test";
import { ratesFor } from "../../src/chat/rates/rate-budget.ts";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { connections, history as limits, message, output, sender } from "../../src/limits.ts";
import { FailingStore } from "./failing-store.ts";
import { irc } from "../dialects/irc/rig.ts";
import { keptBy, nothing } from "./inspect.ts";
import { type Client, native, Rig, say, since } from "./rig.ts";

let store: FailingStore;
let rig: Rig;

beforeEach(() => {
  store = new FailingStore();
  rig = new Rig({}, store.answer);
});

const lateCommits = (): void => {
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
};
/** The pending commit is done after 200 ms. */
const finishCommit = (): void => {
  rig.pass(200);
  store.releaseOne(rig);
  rig.settle();
};
const types = (client: Client) => client.lines().map(({ type }) => type);
const said = (client: Client) =>
  client.lines().flatMap(({ type, seq, text }) => (type === "message" ? [[seq, text]] : []));

test("requests and new connections are answered while a message waits for the commit", () => {
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  for (const client of [ann, bob]) client.text();
  lateCommits();
  ann.send(say(1));
  expect(store.waiting).toMatchObject([{ type: "commit" }]);
  bob.send({ type: "ping", ref: 1 }, { type: "files" }, { type: "who", room: "lobby" });
  bob.send({ type: "rooms" }, { type: "history", room: "lobby" });
  expect(types(bob)).toEqual(["pong", "files", "names", "rooms", "history"]);
  expect(rig.client(chatRoom).text()).toBe("Please, Enter Your ig name");
  expect(types(rig.client().send({ type: "hello", version: 2 }))).toEqual(["welcome"]);
  // Refusals need no commit either.
  expect(rig.client(openChat).send("a b").text()).toContain("is invalid");
  expect(rig.member("BOB", { secret: "others-0123456789" }).lines()).toMatchObject([
    { type: "error", code: "name-taken" },
  ]);
  expect([ann.text(), bob.text()]).toEqual(["", ""]);
});

test("people are told once that messages wait, unless the server itself was suspended", () => {
  const ann = rig.member("Ann");
  const bob = rig.client(openChat);
  bob.send("Bob");
  for (const client of [ann, bob]) client.text();
  lateCommits();
  ann.send(say(1));
  const cal = rig.member("Cal");
  rig.pass(1_000 * sender.silentStoreSeconds, 1_000);
  expect([ann.text(), bob.text()]).toEqual(["", ""]);
  rig.pass(60_000, 1_000);
  expect(ann.lines().filter(({ type }) => type !== "ping")).toEqual([
    { type: "error", code: "storage", message: expect.stringContaining("can't store anything") },
  ]);
  expect(bob.text().match(/can't store anything/g)).toHaveLength(1);
  finishCommit();
  expect(types(ann)).toEqual(["message", "ack"]);
  finishCommit();
  // It is over when the welcome arrives.
  expect(types(cal)).toEqual(["ping", "welcome", "joined"]);
  ann.text();
  // Suspended for an hour, the server has not waited.
  ann.send(say(2));
  rig.pass(3_600_000, 3_600_000);
  expect(types(ann).filter((type) => type === "error")).toEqual([]);
});

test.each([undefined, ratesFor(sender.messagesPerSecond)])(
  "whoever writes slowly behind a request that the store does not answer is not called too fast",
  (rates) => {
    rig = new Rig({ rates }, store.answer);
    const ann = rig.member("Ann", {}, "192.0.2.1");
    store.timing = () => "run-late";
    ann.send({ type: "history", room: "lobby" }).text();
    for (let n = 1; n <= sender.maxDelayed + 1; n++) {
      ann.send(say(n));
      rig.pass(1_000, 1_000);
    }
    const refused = ann.lines().filter(({ n }) => n !== undefined);
    expect(refused).toMatchObject([{ code: "rate", n: sender.maxDelayed + 1 }]);
    expect(refused[0]?.["message"]).toContain("has yet to answer an earlier request");
    store.release(rig);
    expect(ann.lines().at(-1)).toMatchObject({ type: "ack", n: sender.maxDelayed });
  },
);

test.each([
  ["of somebody who is muted", "mute Ann", "x"],
  ["with too many lines", "unmute Ann", "\n".repeat(message.maxTextLines)],
])("refused messages %s do not add to what waits for the store without end", (_, order, text) => {
  const ann = rig.member("Ann");
  rig.order(order);
  ann.text();
  lateCommits();
  const most = Math.ceil(output.maxGatheredChars / output.gatheredEntryChars);
  for (let n = 1; n <= most; n++) ann.queue(say(n, text));
  rig.settle();
  const [first, ...more] = ann.lines();
  expect(first).toMatchObject({ code: "storage", retryAfterMs: sender.storageRetryMs });
  expect(more).toEqual([]);
  finishCommit();
  ann.text();
  ann.send(say(Number(first?.["n"]), text));
  finishCommit();
  expect(ann.lines().map(({ type, n }) => [type, n])).toEqual([
    ["error", first?.["n"]],
    ["ack", first?.["n"]],
  ]);
});

test("connections without a name end at once while the store is silent, and leave nothing behind", () => {
  const ann = rig.member("Ann");
  rig.order("ban 192.0.2.9");
  lateCommits();
  ann.send(say(1));
  const silent = rig.client();
  const banned = rig.client(native, true, "192.0.2.9");
  const visitor = rig.client().send({ type: "hello", version: 2 }, { type: "bye" });
  const ian = rig.client(irc).send("PING 1", "QUIT");
  rig.settle();
  expect([banned, visitor, ian].map(({ link }) => link.ended)).toEqual([true, true, true]);
  expect(banned.text()).toContain("banned");
  expect(ian.text().split("\r\n")).toEqual([
    expect.stringContaining("PONG"),
    expect.stringContaining("ERROR"),
    "",
  ]);
  rig.pass(connections.loginTimeoutMs + 1_000, 1_000);
  expect([silent.link.ended, types(silent)]).toEqual([true, ["bye"]]);
  for (const client of [silent, banned, visitor, ian]) client.close();
  expect(rig.hub["state"].pipeline.gathering.ending.size).toBe(0);
  expect(ann.session.phase).toBe("member");
});

test("messages are heard and acknowledged in order, once committed", () => {
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  for (const client of [ann, bob]) client.text();
  lateCommits();
  ann.send(say(1));
  for (let n = 2; n <= 5; n++) {
    rig.pass(10);
    ann.send(say(n));
    bob.send(say(n - 1, `b${n - 1}`));
  }
  expect([ann.text(), bob.text(), store.waiting.length]).toEqual(["", "", 1]);
  finishCommit();
  expect(ann.lines()).toMatchObject([
    { type: "message", seq: 1, text: "m1" },
    { type: "ack", n: 1, room: "lobby", seq: 1 },
  ]);
  // The messages collected in the meantime are the next batch.
  expect(store.waiting).toHaveLength(1);
  finishCommit();
  expect(said(bob).map(([, text]) => text)).toEqual([
    "m1",
    "m2",
    "b1",
    "m3",
    "b2",
    "m4",
    "b3",
    "m5",
    "b4",
  ]);
  expect(ann.lines().at(-1)).toEqual({ type: "ack", n: 5, room: "lobby", seq: 8 });
  expect(store.waiting).toEqual([]);
});

test("a private message is delivered once committed", () => {
  const ann = rig.client(openChat).send("Ann");
  const bob = rig.member("Bob");
  for (const client of [ann, bob]) client.text();
  lateCommits();
  ann.send("~Bob psst");
  rig.pass(199);
  expect([ann.text(), bob.text()]).toEqual(["", ""]);
  finishCommit();
  expect(ann.text()).toBe("from you to Bob: (PRIVATE)  psst\n");
  expect(bob.lines()).toMatchObject([{ type: "private", mail: 1, text: "psst" }]);
});

test("a newcomer has no gap between its welcome and live messages while a batch waits", () => {
  const ann = rig.member("Ann");
  lateCommits();
  ann.send(say(1));
  ann.send(say(2));
  const bob = rig.client().send({ type: "hello", version: 2, name: "Bob" });
  const cal = rig.client(openChat).send("Cal");
  ann.send(say(3));
  for (const client of [bob, cal]) expect(client.text()).toBe("");
  finishCommit();
  finishCommit();
  ann.send(say(4));
  finishCommit();
  const lines = bob.lines();
  expect(lines).toMatchObject([
    { type: "welcome", session: { rooms: [{ room: "lobby", seq: 2 }] } },
    { type: "joined", name: "Bob" },
    { type: "joined", name: "Cal" },
    { type: "message", seq: 3 },
    { type: "message", seq: 4 },
  ]);
  expect(cal.text()).toBe("Cal has joined the chat!\nALL Ann Bob \nAnn: m3\nAnn: m4\n");
});

test("requests in the turn of a login are answered in the client's own name", () => {
  rig.member("Ann");
  const bob = rig.client(openChat).queue("Bob", "show", "~Bob note", "CHANGENAME Bob Rob", "show");
  rig.settle();
  expect(bob.text().split("\n")).toEqual([
    "Bob has joined the chat!",
    "ALL Ann ",
    "Bob: (PRIVATE)  note",
    "from you to Bob: (PRIVATE)  note",
    "Bob changed his name to Rob!",
    "ALL Ann ",
    "",
  ]);
});

test("what waited for a welcome comes right after it, and before what follows", () => {
  const ann = rig.member("Ann");
  const cora = rig.client(openChat);
  lateCommits();
  ann.send(say(1));
  // While that is being committed, the next batch gathers: with the welcome, and then without it.
  cora.send("Cora");
  ann.send(say(2));
  finishCommit();
  ann.send({ type: "invite", to: "Cora" }, say(3));
  expect(cora.text()).not.toContain("Cora");
  finishCommit();
  expect(store.waiting).toMatchObject([{ type: "commit" }]);
  expect(cora.text()).toContain("Ann asks you");
  ann.send({ type: "leave" });
  expect(cora.text()).toBe("private chat with Ann has ended\n");
});

test("whoever waits long for a welcome is pinged, and stays if they answer", () => {
  lateCommits();
  const [ann, bob] = [rig.member("Ann"), rig.member("Bob")];
  rig.pass(connections.idlePingMs + 2_000, 1_000);
  expect([types(ann), types(bob)]).toEqual([["ping"], ["ping"]]);
  ann.send({ type: "pong" });
  rig.pass(connections.idleCloseMs + 1_000, 1_000);
  expect([ann.link.aborted, bob.link.aborted]).toEqual([false, true]);
});

test("whoever sends ever more while waiting for a welcome is disconnected", () => {
  lateCommits();
  const ann = rig.member("Ann");
  const most = output.maxLagBytes / output.gatheredEntryChars;
  for (let ref = 1; ref <= most; ref++) ann.queue({ type: "ping", ref });
  expect(ann.session.phase).toBe("member");
  ann.send({ type: "ping", ref: 0 });
  expect(ann.session.phase).toBe("ending");
  finishCommit();
  finishCommit();
  expect(types(ann).slice(0, 3)).toEqual(["welcome", "joined", "pong"]);
  expect(ann.link.ended).toBe(true);
});

test("frames wait for a welcome in their channel, which bounds them", () => {
  const sender = rig.client().send({ type: "hello", version: 2 });
  sender.send({ type: "open-code", offer: "sender".padEnd(22, "x") });
  const opened = sender.lines().find(({ type }) => type === "code-opened");
  lateCommits();
  const guest = rig.member("Guest");
  guest.send({ type: "join-code", offer: "guest".padEnd(22, "x"), number: opened?.["number"] });
  const frame = {
    type: "pass",
    offer: "sender".padEnd(22, "x"),
    channel: 1,
    data: "x".repeat(64 * 1024),
  };
  for (let sent = 0; sent <= 9 * 1024; sent += 64) sender.send(frame);
  expect(types(sender)).toEqual(["channel", "offer-ended"]);
  expect(keptBy(rig.hub)).toMatchObject({ codes: 0, frameChars: 0 });
});

test("a replay with a slow store misses and repeats nothing while the conversation continues", () => {
  for (const timing of ["reply-late", "run-late"] as const) {
    store = new FailingStore();
    rig = new Rig({}, store.answer);
    const ann = rig.member("Ann");
    const past = 2 * limits.pageMessages + 10;
    for (let n = 1; n <= past; n++) ann.queue(say(n));
    rig.settle();
    store.timing = ({ type }) => (type === "read-room" ? timing : "now");
    const bob = rig.member("Bob", since(0));
    let n = past;
    // However many messages arrive while each page is read, it catches up.
    for (let pages = 0; store.waiting.length > 0; pages++) {
      if (pages > 3) throw new Error("the replay does not catch up");
      ann.send(say(++n), say(++n));
      store.releaseOne(rig);
      rig.settle();
    }
    ann.send(say(++n));
    expect(said(bob).map(([seq]) => seq)).toEqual(Array.from({ length: n }, (_, i) => i + 1));
  }
});

test("more messages than are kept may arrive while a page is read, and still arrive once", () => {
  const ann = rig.member("Ann");
  ann.send(say(1));
  store.timing = ({ type }) => (type === "read-room" ? "reply-late" : "now");
  const bob = rig.member("Bob", since(0));
  const many = limits.pageMessages + 50;
  for (let n = 2; n <= many; n++) ann.queue(say(n));
  rig.settle();
  store.release(rig);
  ann.send(say(many + 1));
  expect(said(bob).map(([seq]) => seq)).toEqual(Array.from({ length: many + 1 }, (_, i) => i + 1));
});

test("a replay page that arrives while a batch is in flight is sent before it", () => {
  const ann = rig.member("Ann");
  ann.send(say(1), say(2));
  store.timing = ({ type }) => (type === "read-room" ? "reply-late" : "now");
  const bob = rig.member("Bob", since(0));
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "reply-late");
  ann.send(say(3));
  expect(store.waiting.map(({ type }) => type)).toEqual(["read-room", "commit"]);
  store.releaseOne(rig);
  store.releaseOne(rig);
  rig.settle();
  store.release(rig);
  expect(said(bob).map(([seq]) => seq)).toEqual([1, 2, 3]);
});

test("an empty page that was read early does not skip later messages", () => {
  const ann = rig.member("Ann");
  ann.send(say(1));
  rig.member("Bob").close();
  ann.send({ type: "tell", n: 2, to: ["Bob"], text: "psst" });
  store.timing = ({ type }) => (type.startsWith("read") ? "reply-late" : "now");
  const bob = rig.member("Bob", since(1, 1));
  ann.send(say(3), { type: "tell", n: 4, to: ["Bob"], text: "live" });
  store.release(rig);
  const lines = bob.lines();
  const mails = lines.filter(({ type }) => type === "private").map(({ mail }) => mail);
  const seqs = lines.filter(({ type }) => type === "message").map(({ seq }) => seq);
  expect([mails, seqs]).toEqual([[2], [2]]);
});

test("messages are refused once too many wait for a store that does not answer", () => {
  const ann = rig.member("Ann");
  const bob = rig.client(openChat).send("Bob");
  for (const client of [ann, bob]) client.text();
  lateCommits();
  ann.send(say(1));
  const long = "x".repeat(message.maxTextChars);
  // The sender's counter is one entry.
  const room = output.maxGatheredChars - output.gatheredEntryChars;
  const fitting = Math.floor(room / (long.length + output.gatheredMessageChars));
  for (let n = 2; n <= fitting + 3; n++) ann.queue(say(n, long));
  rig.settle();
  const refused = fitting + 2;
  // Told once: messages after a refused one are ignored.
  expect(ann.lines()).toEqual([
    {
      type: "error",
      code: "storage",
      message: expect.stringContaining("The server's disk is too slow"),
      n: refused,
      retryAfterMs: 1_000,
    },
  ]);
  bob.send(long);
  expect(bob.text()).toContain("The server's disk is too slow");
  finishCommit();
  finishCommit();
  expect(ann.lines().at(-1)).toMatchObject({ type: "ack", n: refused - 1 });
  ann.send(say(refused), say(refused + 1));
  finishCommit();
  expect(ann.lines().at(-1)).toMatchObject({ type: "ack", n: refused + 1 });
});

for (const [what, ask] of [
  ["joins and parts", (i: number) => ({ type: i % 2 === 0 ? "join" : "part", room: "den" })],
  ["renames", (i: number) => ({ type: "rename", name: `Ann${i % 7}` })],
  ["invalid messages", (i: number) => ({ type: "say", n: i + 1 })],
  ["one-letter messages", (i: number) => ({ type: "say", n: i + 1, text: "x" })],
] as const) {
  test(`${what} are refused once too many wait for a log that does not answer`, () => {
    const watcher = rig.member("Watcher");
    const ann = rig.member("Ann");
    lateCommits();
    watcher.send(say(1));
    for (const client of [watcher, ann]) client.text();
    const most = output.maxGatheredChars / output.gatheredMessageChars;
    let asked = 0;
    let error: unknown;
    while (error === undefined && asked < most + 1_000) {
      for (let i = 0; i < 500; i++) ann.queue(ask(asked++));
      rig.settle();
      error = ann.lines().find(({ code }) => code === "storage");
    }
    expect(error).toMatchObject({ message: expect.stringContaining("too slow") });
    expect(rig.member("Bob").lines()).toMatchObject([{ type: "error", code: "storage" }]);
    store.release(rig);
    expect(rig.member("Bob").lines()[0]).toMatchObject({ type: "welcome" });
    ann.send({ type: "ping" }, { type: "join", room: "attic" });
    expect(types(ann)).toContain("entered");
  }, 180_000);
}

test("a store that never reports the outcome of a batch is logged as a warning now and then", () => {
  const ann = rig.member("Ann");
  store.outcome = () => "unknown-lost";
  ann.send(say(1));
  rig.pass(150_000, 500);
  expect(rig.log.filter((line) => line.includes("asked again"))).toHaveLength(3);
  store.outcome = () => "done";
  rig.pass(2_000, 500);
  expect(types(ann)).toContain("ack");
});

test("at a shutdown, pending messages are settled first and the goodbye comes last", () => {
  const ann = rig.member("Ann");
  ann.text();
  lateCommits();
  ann.send(say(1));
  rig.hub.stop("The server is stopping", rig.nowMs);
  rig.pass(150);
  expect([ann.text(), ann.link.ended, rig.hub.isSettled]).toEqual(["", false, false]);
  store.release(rig);
  expect(types(ann)).toEqual(["message", "ack", "bye"]);
  expect([ann.link.ended, rig.hub.isSettled]).toEqual([true, true]);
  ann.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("a client that closes while a batch waits leaves no bytes queued", () => {
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  lateCommits();
  ann.send(say(1, "x".repeat(1_000)));
  bob.link.capacity = 0;
  bob.close();
  store.release(rig);
  ann.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("a room that hears of a change when the last member has left is closed all the same", () => {
  const ann = rig.member("Ann", { rooms: [{ room: "den" }] });
  lateCommits();
  ann.send(say(1, "bye", "den"), { type: "part", room: "den" });
  rig.order("mode den +m");
  expect(rig.hub.openRooms()).toEqual(["den"]);
  finishCommit();
  expect(rig.hub.openRooms()).toEqual([]);
});
