// A user with several devices: one member of each room, and mail that reaches all of them, or
// waits.

import { describe, expect, test } from "bun:test";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { accountMailbox } from "../../src/chat/accounts/account-store.ts";
import { message as limits } from "../../src/limits.ts";
import type { StoreRequest } from "../../src/chat/turn/store.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { FailingStore } from "./failing-store.ts";
import { awayIn, keptBy, memberNames, nothing } from "./inspect.ts";
import { ircAt } from "../dialects/irc/rig.ts";
import { keyOf, owner, withKey } from "./owner.ts";
import { type Client, Rig, say } from "./rig.ts";

/** Ann at her desk, with the key of her phone registered too. */
function withPhone(rig: Rig): { desk: Client; account: string } {
  const desk = owner(rig, "Ann", "desk");
  const { account } = desk.session.identity;
  const change = {
    type: "add-key",
    account,
    key: keyOf("phone"),
    label: "phone",
    atMs: 1,
  } as const;
  const reply = rig.answer({ type: "change-account", change, id: 0 });
  expect(reply).toMatchObject({ outcome: "done", result: { done: true } });
  return { desk, account };
}

const isToken = (one: StoreRequest): boolean =>
  one.type === "change-account" && one.change.type === "add-token";
const order = (client: Client, command: string) => client.send({ type: "admin", command });
const tell = (text: string, to = "Ann") => ({ type: "tell", to: [to], text });
const texts = (client: Client) =>
  client
    .lines()
    .filter(({ type }) => type === "private")
    .map(({ text, mail }) => [mail, text]);
const presence = (client: Client) =>
  client
    .lines()
    .filter(({ type }) => type === "joined" || type === "left")
    .map(({ type, name, room }) => `${String(name)} ${String(type)} ${String(room)}`);

describe("two devices of a user", () => {
  test("are one member: joined with the first, left with the last", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    const { desk } = withPhone(rig);
    expect(presence(bob)).toEqual(["Bob joined lobby", "Ann joined lobby"]);
    const phone = withKey(rig, "ann", "phone", { rooms: [{ room: "lobby" }, { room: "den" }] });
    expect(phone.lines()[0]).toMatchObject({ session: { name: "Ann", registered: true } });
    expect(memberNames(rig.hub).toSorted()).toEqual(["Ann", "Bob"]);
    bob.send({ type: "who", room: "lobby" });
    expect(bob.lines().at(-1)).toMatchObject({ names: ["Ann", "Bob"], total: 2 });
    desk.close("quit");
    expect(presence(bob)).toEqual([]);
    phone.send({ type: "part", room: "lobby" });
    expect(presence(bob)).toEqual(["Ann left lobby"]);
    phone.send({ type: "join", room: "lobby" }).close("quit");
    expect(presence(bob)).toEqual(["Ann joined lobby", "Ann left lobby"]);
  });

  test("a device that joins is shown with the account, under whatever name it has", () => {
    const rig = new Rig();
    const irc = ircAt(rig, "Bob", "account-notify").send("JOIN #lobby");
    const desk = owner(rig, "Ann", "desk");
    const phone = withKey(rig, "Phone", "phone");
    irc.lines();
    desk.send({ type: "device-code", ref: 1 });
    const code = desk.lines().find(({ type }) => type === "device-code")?.["code"];
    phone.send({ type: "link", code, ref: 2 });
    expect(phone.lines().at(-1)).toMatchObject({ type: "linked", name: "Ann" });
    expect(irc.lines()).toEqual([":Phone!native@HOST ACCOUNT Ann"]);
  });

  test("hear the room, and each other's messages", () => {
    const rig = new Rig();
    const { desk } = withPhone(rig);
    const phone = withKey(rig, "Ann", "phone");
    for (const client of [desk, phone]) client.text();
    desk.send(say(1, "from the desk"));
    phone.send(say(1, "from the phone"));
    for (const client of [desk, phone]) {
      expect(client.lines().filter(({ type }) => type === "message")).toMatchObject([
        { from: "Ann", text: "from the desk", n: 1 },
        { from: "Ann", text: "from the phone", n: 1 },
      ]);
    }
  });

  test("both get private messages, under the same numbers", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    const { desk } = withPhone(rig);
    const phone = withKey(rig, "Ann", "phone");
    bob.send(tell("one"), tell("two"));
    expect(texts(desk)).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
    expect(texts(phone)).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
    phone.send({ type: "tell", to: ["Bob", "Ann"], text: "to myself" });
    expect(texts(desk)).toEqual([[3, "to myself"]]);
    expect(texts(bob)).toEqual([[1, "to myself"]]);
  });

  test("are away together, until one of them is back or another comes", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    const { desk } = withPhone(rig);
    const away = () => {
      const events = bob.lines().filter(({ type }) => type === "away");
      return events.map(({ name, text }) => [name, text]);
    };
    order(desk, "away lunch");
    expect(away()).toEqual([["Ann", "lunch"]]);
    const phone = withKey(rig, "Ann", "phone");
    expect(away()).toEqual([["Ann", undefined]]);
    order(desk, "away home");
    order(phone, "away home");
    expect(away()).toEqual([["Ann", "home"]]);
    phone.close("lost");
    expect(away()).toEqual([]);
    order(desk, "away");
    expect(away()).toEqual([["Ann", undefined]]);
    // It was away when it was lost.
    withKey(rig, "Ann", "phone");
    expect(away()).toEqual([]);
    expect([...awayIn(rig.hub, "lobby")]).toContainEqual(["Ann", false]);
  });

  test("may be a native client and an old one, and still have a mailbox", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    const desk = withKey(rig, "Ann", "desk");
    desk.send({ type: "register", label: "desk", password: "correct horse" });
    desk.close("quit");
    bob.send(tell("while away"));
    const old = rig.client(openChat, true).send("Ann", "correct horse");
    expect(old.text()).toContain("Bob: (PRIVATE)  while away");
    bob.send(tell("while there"));
    expect(old.text()).toContain("Bob: (PRIVATE)  while there");
    old.close("quit");
    // Each way of logging in has its own position.
    expect(texts(withKey(rig, "Ann", "desk"))).toEqual([
      [1, "while away"],
      [2, "while there"],
    ]);
    const again = rig.client(openChat, true).send("Ann", "correct horse");
    expect(again.text()).not.toContain("while");
  });

  test("leave nothing behind", () => {
    const rig = new Rig();
    const { desk } = withPhone(rig);
    const phone = withKey(rig, "Ann", "phone");
    rig.member("Bob").send(tell("one")).close("quit");
    desk.close("lost");
    phone.close("quit");
    rig.pass(3_000, 100);
    expect(keptBy(rig.hub)).toEqual(nothing);
  });
});

describe("mail for a registered name", () => {
  test("waits for its owner indefinitely, and reaches each device once", () => {
    const rig = new Rig();
    const { desk } = withPhone(rig);
    desk.close("quit");
    rig.pass(3_600_000, 60_000);
    rig.member("Bob").send(tell("one"), tell("two"));
    const back = withKey(rig, "Ann", "desk");
    expect(texts(back)).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
    back.send({ type: "bye" }).close("quit");
    expect(texts(withKey(rig, "Ann", "desk"))).toEqual([]);
    expect(texts(withKey(rig, "Ann", "phone"))).toHaveLength(2);
  });

  test("is sent again to a device that lost its connection and does not know its position", () => {
    const rig = new Rig();
    const { desk } = withPhone(rig);
    rig.member("Bob").send(tell("one"));
    desk.close("lost");
    const again = withKey(rig, "Ann", "desk", { secret: "another-0123456789" });
    expect(texts(again)).toEqual([[1, "one"]]);
    const knows = { secret: "another-0123456789", epoch: "epoch-1", mail: 1 };
    again.close("lost");
    expect(texts(withKey(rig, "Ann", "desk", knows))).toEqual([]);
  });

  test("is not sent again after the device was heard of half a minute later", () => {
    const rig = new Rig();
    const { desk } = withPhone(rig);
    const bob = rig.member("Bob").send(tell("one"));
    rig.pass(25_000, 1_000);
    desk.send({ type: "ping", ref: 1 });
    bob.send(tell("two"));
    desk.close("lost");
    const again = withKey(rig, "Ann", "desk", { secret: "another-0123456789" });
    expect(texts(again)).toHaveLength(2);
    rig.pass(31_000, 1_000);
    again.send({ type: "ping", ref: 2 });
    rig.pass(1_000, 1_000);
    bob.send(tell("three"));
    again.close("lost");
    expect(texts(withKey(rig, "Ann", "desk", { secret: "third-0123456789-" }))).toEqual([
      [3, "three"],
    ]);
  });

  test("is not sent again because its device, with another name before, gets mail while it logs in", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const phone = { secret: "phone-0123456789abcdef" };
    withPhone(rig);
    const bob = rig.member("Bob").send(tell("one"), tell("two"));
    rig.member("Guest", phone).close("lost");
    // The password, or the key, is being looked at.
    store.timing = ({ type }) => (type === "find-account" ? "reply-late" : "now");
    const back = withKey(rig, "Ann", "phone", { ...phone, epoch: "epoch-1", mail: 2 });
    store.timing = () => "now";
    for (const text of ["for", "the", "guest"]) bob.send(tell(text, "Guest"));
    store.release(rig);
    bob.send(tell("three"));
    const lines = back.lines();
    expect(lines[0]).toMatchObject({ session: { mail: 2, recovered: true, registered: true } });
    const mail = lines.filter(({ type }) => type === "private");
    expect(mail).toMatchObject([{ mail: 3, text: "three" }]);
  });

  test("never goes to a former user of the name, or to one who takes a name that looks free", () => {
    const rig = new Rig();
    const first = rig.member("Ann", {}, "192.0.2.1");
    first.send({ type: "bye" });
    first.close("quit");
    const { desk } = withPhone(rig);
    desk.close("quit");
    rig.member("Bob").send(tell("for the owner"));
    const old = rig.member("Ann", { epoch: "epoch-1", mail: 0 }, "192.0.2.1");
    expect(texts(old)).toEqual([]);
    const renamed = rig.member("Eve").send({ type: "rename", name: "Ann" });
    expect(texts(renamed)).toEqual([]);
    expect(texts(withKey(rig, "Ann", "phone"))).toEqual([[1, "for the owner"]]);
  });

  test("keeps its numbers when the name is registered", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    const ann = withKey(rig, "Ann", "desk");
    bob.send(tell("before"));
    ann.send({ type: "register", label: "desk" });
    bob.send(tell("after"));
    expect(texts(ann)).toEqual([
      [1, "before"],
      [2, "after"],
    ]);
    ann.close("lost");
    bob.send(tell("while away"));
    const since = { epoch: "epoch-1", mail: 2 };
    const back = withKey(rig, "Ann", "desk", since);
    const lines = back.lines();
    expect(lines[0]).toMatchObject({ session: { recovered: true, mail: 3, registered: true } });
    expect(lines.filter(({ type }) => type === "private")).toMatchObject([{ mail: 3 }]);
  });

  test("arrives after the answer that it is registered, even if that waits for a token", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const [ann, bob] = [rig.member("Ann"), rig.member("Bob")];
    ann.text();
    store.timing = (request) => (isToken(request) ? "reply-late" : "now");
    const register = { type: "register", password: "correct horse", remember: true };
    ann.send(register, tell("to myself"));
    bob.send(tell("to the session"));
    store.release(rig);
    const received = ann.lines().map(({ type, text }) => text ?? type);
    expect(received).toEqual(["to the session", "registered", "to myself"]);
  });

  test("that is being replayed while the name is registered is not lost", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const bob = rig.member("Bob");
    withKey(rig, "Ann", "desk").close("lost");
    // Two pages.
    const long = Array.from({ length: 30 }, (_, i) => `${i} `.padEnd(limits.maxTextChars, "."));
    for (const text of long) bob.send(tell(text));
    store.timing = ({ type }) => (type === "read-mail" ? "run-late" : "now");
    const back = withKey(rig, "Ann", "desk", { epoch: "epoch-1", mail: 0 });
    back.send({ type: "register", label: "desk" });
    expect(back.session.identity.account).not.toBe("");
    bob.send(tell("later"));
    store.release(rig);
    bob.send(tell("last"));
    expect(texts(back)).toEqual([...long, "later", "last"].map((text, i) => [i + 1, text]));
  });

  test.each(["before", "after"])(
    "that is being replayed is not lost if the connection ends %s the name is registered",
    (when) => {
      const store = new FailingStore();
      const rig = new Rig({}, store.answer);
      const bob = rig.member("Bob");
      withKey(rig, "Ann", "desk").close("lost");
      const sent = ["one", "two", "three"];
      for (const text of sent) bob.send(tell(text));
      const waits = when === "before" ? ["read-mail", "change-account"] : ["read-mail"];
      store.timing = ({ type }) => (waits.includes(type) ? "run-late" : "now");
      const back = withKey(rig, "Ann", "desk", { epoch: "epoch-1", mail: 0 });
      back.send({ type: "register", label: "desk" }).close("lost");
      store.release(rig);
      expect(texts(back)).toEqual([]);
      const again = withKey(rig, "Ann", "desk", { epoch: "epoch-1", mail: 0 });
      bob.send(tell("last"));
      expect(again.session.identity.account).not.toBe("");
      expect(texts(again)).toEqual([...sent, "last"].map((text, i) => [i + 1, text]));
    },
  );

  test("that is being replayed waits for a disk that is full while the name is registered", () => {
    const store = new FailingStore();
    const rig = new Rig({}, store.answer);
    const bob = rig.member("Bob");
    withKey(rig, "Ann", "desk").close("lost");
    for (const text of ["one", "two"]) bob.send(tell(text));
    store.timing = ({ type }) => (type === "read-mail" ? "run-late" : "now");
    const back = withKey(rig, "Ann", "desk", { epoch: "epoch-1", mail: 0 });
    store.full = true;
    back.send({ type: "register", label: "desk" });
    store.release(rig);
    expect(back.session.identity.account).not.toBe("");
    expect(texts(back)).toEqual([]);
    store.full = false;
    bob.send(tell("three"));
    const all = ["one", "two", "three"];
    expect(texts(back)).toEqual(all.map((text, i) => [i + 1, text]));
  });

  test("that is in flight while the name is registered is not lost", () => {
    const store = openMemoryStore({ epoch: "epoch-1" });
    const held: (() => void)[] = [];
    let isHeld = false;
    const rig: Rig = new Rig({}, (request) => {
      const reply = answerRequest(store, request);
      if (request.type !== "commit" || !isHeld) return reply;
      held.push(() => rig.hub.handleStore(reply, rig.nowMs));
      return undefined;
    });
    const bob = rig.member("Bob");
    const ann = withKey(rig, "Ann", "desk");
    ann.text();
    isHeld = true;
    bob.send(tell("in flight"));
    bob.send(tell("gathered"));
    ann.send({ type: "register", label: "desk", ref: 1 });
    bob.send(tell("later"));
    held.shift()?.();
    rig.settle();
    // The batch with the last two is in flight now; the name becomes Ann's when it is settled.
    bob.send(tell("meanwhile"));
    expect(ann.session.identity.account).toBe("");
    isHeld = false;
    held.shift()?.();
    rig.settle();
    expect(ann.session.identity.account).not.toBe("");
    bob.send(tell("last"));
    expect(texts(ann)).toEqual([
      [1, "in flight"],
      [2, "gathered"],
      [3, "later"],
      [4, "meanwhile"],
      [5, "last"],
    ]);
    const { account } = ann.session.identity;
    expect(store.sessions.load(accountMailbox(account))?.mail).toBe(5);
  });
});

describe("a private chat with a user who has several devices", () => {
  test("is with the device that logged in last; the other one sees the messages", () => {
    const rig = new Rig();
    const bob = rig.member("Bob");
    const { desk } = withPhone(rig);
    const phone = withKey(rig, "Ann", "phone");
    for (const client of [bob, desk, phone]) client.text();
    bob.send({ type: "invite", to: "Ann" });
    expect(desk.lines()).toEqual([]);
    expect(phone.lines()).toMatchObject([{ type: "chat", state: "invited", with: "Bob" }]);
    phone.send({ type: "accept" });
    bob.send(tell("psst"));
    for (const client of [desk, phone]) {
      expect(client.lines().filter(({ type }) => type === "private")).toMatchObject([
        { text: "psst", chat: true },
      ]);
    }
    phone.close("quit");
    bob.text();
    // The chat with that device has ended; the user is still online.
    bob.send(tell("still there?"));
    expect(texts(desk)).toEqual([[2, "still there?"]]);
  });

  test("with oneself is impossible", () => {
    const rig = new Rig();
    const { desk } = withPhone(rig);
    withKey(rig, "Ann", "phone");
    desk.text();
    desk.send({ type: "invite", to: "Ann" });
    expect(desk.lines()).toMatchObject([{ type: "error", code: "protocol" }]);
  });
});

test("a list shows the rank of a person, whichever device is in the room", () => {
  const rig = new Rig();
  const { desk } = withPhone(rig);
  desk.send({ type: "join", room: "den" });
  withKey(rig, "Ann", "phone");
  const bob = ircAt(rig, "Bob").send("JOIN #den");
  expect(bob.lines()).toContain(":irc.test 353 Bob = #den :@Ann Bob");
});

test.each([
  ["the ban of its network", "ban 192.0.2.7", []],
  ["an operator, with all of them", "kick Ann", [":Ann QUIT :Removed by an operator"]],
])("IRC clients hear that a device removed by %s leaves its own rooms", (_, order, after) => {
  const rig = new Rig();
  withPhone(rig).desk.text();
  const rooms = [{ room: "lobby" }, { room: "den" }, { room: "attic" }];
  withKey(rig, "Ann", "phone", { rooms }, "192.0.2.7");
  const bob = ircAt(rig, "Bob").send("JOIN #lobby,#den,#attic");
  bob.lines();
  expect(rig.order(order)).toMatchObject({ ok: true });
  expect(bob.lines().map((line) => line.replace(/!\S+/, ""))).toEqual([
    ":irc.test KICK #den Ann :Removed by an operator",
    ":irc.test KICK #attic Ann :Removed by an operator",
    ...after,
  ]);
});

/** The code of Ann's desk, and a phone that has shown it while the store fails. */
function afterFailure(meanwhile: (desk: Client) => void = () => {}) {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const desk = owner(rig, "Ann", "desk");
  const code = desk
    .send({ type: "device-code", ref: 1 })
    .lines()
    .find(({ ref }) => ref === 1)?.["code"];
  const phone = withKey(rig, "guest", "phone");
  const link = () => phone.send({ type: "link", code, label: "phone", ref: 2 }).lines().at(-1);
  store.timing = ({ type }) => (type === "change-account" ? "run-late" : "now");
  link();
  expect(link()).toBeUndefined();
  store.timing = () => "now";
  meanwhile(desk);
  store.unreadable = true;
  store.release(rig);
  store.unreadable = false;
  const [answer] = phone.lines();
  return { rig, answer, link };
}

describe("a code for another device", () => {
  test("may be typed again if the device could not be stored", () => {
    const { answer, link } = afterFailure();
    expect(answer).toMatchObject({ type: "error", code: "storage" });
    expect(link()).toMatchObject({ type: "linked", name: "Ann" });
  });

  test("is over nevertheless once the password is changed", () => {
    const { link } = afterFailure((desk) =>
      desk.send({ type: "set-password", password: "correct horse" }),
    );
    expect(link()).toMatchObject({ code: "not-found" });
  });
});
