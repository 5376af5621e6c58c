// Logins that wait for the store: competing logins, events in the meantime, and that aborted logins
// leave nothing behind.

import { beforeEach, expect, test } from "bun:test";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { history } from "../../src/limits.ts";
import { FailingStore } from "./failing-store.ts";
import { keptBy, nothing } from "./inspect.ts";
import { type Client, hello, inRoom, Rig, say, since } from "./rig.ts";

let store: FailingStore;
let rig: Rig;

beforeEach(() => {
  store = new FailingStore();
  rig = new Rig({}, store.answer);
});

const mails = (client: Client) =>
  client.lines().flatMap(({ type, mail, text }) => (type === "private" ? [[mail, text]] : []));
const slowReads = (): void => {
  store.timing = ({ type }) => (type === "commit" ? "now" : "run-late");
};

test("a login waits for its other connection's unsettled messages, and counts them", () => {
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  bob.text();
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  ann.send(say(1));
  ann.send(say(2));
  const back = rig.client().send(hello("Ann", since(0)));
  // The old connection stays until the new one has logged in, but its messages wait.
  ann.send(say(3));
  expect([back.text(), ann.link.ended]).toEqual(["", false]);
  store.release(rig);
  expect(ann.lines().at(-1)).toMatchObject({ type: "bye", code: "replaced" });
  expect(ann.link.ended).toBe(true);
  const lines = back.lines();
  expect(lines[0]).toMatchObject({ session: { n: 2, rooms: [{ seq: 2, recovered: true }] } });
  expect(lines.filter(({ type }) => type === "message").map(({ seq }) => seq)).toEqual([1, 2]);
  back.send(say(2), say(3));
  const heard = bob.lines();
  expect(heard.map(({ type, text }) => text ?? type)).toEqual(["m1", "m2", "m3"]);
});

test("messages of its other connection that were not committed are not counted", () => {
  const ann = rig.member("Ann");
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  store.full = true;
  ann.send(say(1));
  ann.send(say(2));
  const back = rig.client().send(hello("Ann", since(0)));
  store.releaseOne(rig);
  rig.settle();
  store.full = false;
  store.release(rig);
  expect(back.lines()[0]).toMatchObject({ session: { n: 0 } });
  back.send(say(1), say(2));
  expect(back.lines().at(-1)).toMatchObject({ type: "ack", n: 2, seq: 2 });
});

test("a message of its other connection counts only once committed", () => {
  rig.member("Bob").close();
  const ann = rig.member("Ann");
  slowReads();
  ann.send({ type: "tell", n: 1, to: ["Bob"], text: "psst" });
  const back = rig.client().send(hello("Ann", since(0)));
  // The lookup is answered and the message gathered; the login is decided before the commit.
  store.timing = ({ type }) => (type === "commit" ? "reply-late" : "now");
  store.full = true;
  while (store.waiting.length > 0) store.releaseOne(rig);
  rig.settle();
  store.full = false;
  store.release(rig);
  rig.pass(2_000, 100);
  const [welcome] = back.lines();
  const { n } = welcome!["session"] as { n: number };
  const mail = store.store.mailboxes.after("hash of Bob-0123456789abcdef", 0, 10);
  expect(mail).toHaveLength(n);
});

test("the second of two logins with one secret is told to try again", () => {
  slowReads();
  const first = rig.client().send(hello("Ann"));
  const second = rig.client().send(hello("Ann"));
  expect(second.lines()).toMatchObject([
    { type: "error", code: "rate", subject: "Ann", retryAfterMs: 1_000 },
  ]);
  expect(second.link.ended).toBe(true);
  store.release(rig);
  expect(first.lines()[0]).toMatchObject({ type: "welcome" });
  // The same while a member with that secret is here.
  slowReads();
  const third = rig.client().send(hello("Ann"));
  const fourth = rig.client().send(hello("Ann"));
  store.release(rig);
  expect(third.lines()[0]).toMatchObject({ type: "welcome" });
  expect(fourth.lines()).toMatchObject([{ type: "error", code: "rate" }]);
  expect(first.lines().at(-1)).toMatchObject({ type: "bye", code: "replaced" });
  for (const client of [first, second, third, fourth]) client.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("only one of two logins with the same name succeeds", () => {
  slowReads();
  const first = rig.client(openChat).send("Ann");
  const second = rig.client(openChat).send("ANN");
  expect(second.text()).toContain("The name 'ANN' is taken");
  store.release(rig);
  expect([first.session.phase, second.session.phase]).toEqual(["member", "new"]);
});

test("a connection that closes while its login waits leaves nothing behind", () => {
  const clients = [
    rig.client(),
    rig.client(openChat, false),
    rig.client(chatRoom),
    rig.client(),
  ] as const;
  slowReads();
  clients[0].queue(hello("Ann", { ...since(0) }), say(1), { type: "who", room: "lobby" });
  clients[1].queue("Bob", "hello", "~Ann psst");
  clients[2].queue(":Alias:Cal");
  clients[3].queue(hello("Dan", { rooms: [{ room: "den" }, { room: "attic" }] }));
  rig.settle();
  for (const client of clients) client.close();
  store.release(rig);
  rig.pass(1_000, 100);
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("a connection that closes before its welcome is stored keeps no access to the files", () => {
  const rig = new Rig({ door: { checkPassword: () => true, isMembersOnly: false } });
  const ann = rig.client();
  ann.queue({ type: "hello", version: 2, name: "Ann", serverPassword: "open" });
  expect(ann.session.phase).toBe("member");
  ann.close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("a waiting login and its other connection leave nothing behind when both close", () => {
  const ann = rig.member("Ann");
  store.timing = () => "run-late";
  ann.send(say(1));
  const back = rig.client().send(hello("Ann", since(0)));
  back.close();
  ann.close();
  store.release(rig);
  rig.pass(1_000, 100);
  expect(keptBy(rig.hub)).toEqual(nothing);
  expect(rig.member("Ann", since(0)).lines()[0]).toMatchObject({ session: { n: 1 } });
});

test("a member continues when its new connection gives up", () => {
  const ann = rig.member("Ann");
  ann.text();
  slowReads();
  const back = rig.client().send(hello("Ann"));
  ann.send(say(1));
  expect(ann.text()).toBe("");
  back.close();
  store.release(rig);
  expect(ann.lines()).toMatchObject([
    { type: "message", text: "m1" },
    { type: "ack", n: 1 },
  ]);
});

test("a login refused at the room limit leaves no room open", () => {
  for (let i = 0; i < history.maxRooms - 1; i++) rig.member(`p${i}`, inRoom(`r${i}`));
  const ann = rig.member("Ann", { rooms: [{ room: "new" }, { room: "newer" }] });
  expect(ann.lines()).toMatchObject([{ type: "error", code: "full" }]);
  expect(keptBy(rig.hub).rooms).toBe(history.maxRooms - 1);
  expect(rig.member("Bob", inRoom("new")).lines()[0]).toMatchObject({ type: "welcome" });
});

test("mail sent while its recipient logs in is delivered once, after the welcome", () => {
  const bob = rig.member("Bob");
  for (const more of [since(0), {}]) {
    rig.member("Ann").close();
    slowReads();
    const ann = rig.client().send(hello("Ann", more));
    bob.send({ type: "tell", to: ["Ann"], text: "while it enters" });
    store.release(rig);
    bob.send({ type: "tell", to: ["Ann"], text: "live" });
    const lines = ann.lines();
    expect(lines[0]).toMatchObject({ type: "welcome" });
    const told = lines.flatMap(({ type, text }) => (type === "private" ? [text] : []));
    expect(told.slice(-2)).toEqual(["while it enters", "live"]);
    expect(new Set(lines.map(({ mail }) => mail)).size).toBe(told.length + 1);
    ann.close();
  }
});

test("mail being committed when its recipient logs in is delivered once, after the welcome", () => {
  const bob = rig.member("Bob");
  rig.member("Ann").close();
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  bob.send({ type: "tell", n: 1, to: ["Ann"], text: "one" });
  const ann = rig.client().send(hello("Ann", since(0)));
  bob.send({ type: "tell", n: 2, to: ["Ann"], text: "two" });
  store.release(rig);
  bob.send({ type: "tell", n: 3, to: ["Ann"], text: "three" });
  expect(mails(ann)).toEqual([
    [1, "one"],
    [2, "two"],
    [3, "three"],
  ]);
});

test("mail committed between the recipient's two connections is not skipped", () => {
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  store.timing = ({ type }) => (type === "commit" ? "now" : "reply-late");
  const back = rig.client().send(hello("Ann", since(0)));
  ann.close();
  store.timing = () => "now";
  bob.send({ type: "tell", n: 1, to: ["Ann"], text: "one" });
  store.release(rig);
  bob.send({ type: "tell", n: 2, to: ["Ann"], text: "two" });
  expect(mails(back)).toEqual([
    [1, "one"],
    [2, "two"],
  ]);
});

test("commands sent right after a login wait for it, and are dropped if it is refused", () => {
  rig.member("Cal", {}, "192.0.2.7").close();
  slowReads();
  const bob = rig.client().send(hello("Bob"), say(1), { type: "ping", ref: 1 });
  const thief = rig.client(openChat).send("Cal");
  thief.send("hello");
  expect([bob.text(), thief.text()]).toEqual(["", ""]);
  store.release(rig);
  expect(bob.lines().map(({ type }) => type)).toEqual([
    "welcome",
    "joined",
    "message",
    "pong",
    "ack",
  ]);
  expect(thief.text()).toContain("is reserved for a user who lost the connection");
  expect(thief.session.phase).toBe("new");
});
