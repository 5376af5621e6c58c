// How sessions end: with or without a goodbye, by force, or with the server; and that nothing of
// them is kept.

import { expect, test } from "bun:test";
import type { FilesPort } from "../../src/chat/files-port.ts";
import type { CredentialsPort } from "../../src/chat/login/credentials-port.ts";
import { ratesFor } from "../../src/chat/rates/rate-budget.ts";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { connections, history as limits, output } from "../../src/limits.ts";
import { openMemoryStore } from "../../src/store/memory/store.ts";
import { FailingStore } from "./failing-store.ts";
import { fakeCredentials } from "./fake-credentials.ts";
import { keptBy, nothing } from "./inspect.ts";
import { owner } from "./owner.ts";
import { inRoom, Rig, say, since } from "./rig.ts";

test("a native connection that ends without a goodbye is lost, and its mail is kept", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  const cal = rig.member("Cal");
  bob.text();
  rig.hub.handleInputEnd(ann.session, rig.nowMs);
  rig.settle();
  cal.close("quit");
  expect(bob.lines()).toEqual([
    { type: "left", room: "lobby", name: "Ann", reason: "lost" },
    { type: "left", room: "lobby", name: "Cal", reason: "lost" },
  ]);
  bob.send({ type: "tell", n: 1, to: ["Ann", "Cal"], text: "psst" });
  expect(bob.lines()).toEqual([{ type: "ack", n: 1 }]);
});

test("a half-closed connection gets its answers, then ends; a line-chat listener stays", () => {
  const rig = new Rig();
  const ann = rig.client(openChat).queue("Ann", "show");
  rig.hub.handleInputEnd(ann.session, rig.nowMs);
  const dan = rig.client(lineChat).queue("Dan");
  rig.hub.handleInputEnd(dan.session, rig.nowMs);
  rig.settle();
  expect(ann.text()).toContain("ALL");
  expect(dan.text()).toContain("Ann left the chat");
  rig.pass(connections.afterFinMs + 20);
  expect(ann.link.ended).toBe(true);
  expect(dan.link.ended).toBe(false);
  rig.client(openChat).send("Eve");
  expect(dan.text()).toContain("Eve joined");
});

test("a line-chat listener stays if its input ended while its password was being checked", () => {
  const checks: ((isRight: boolean) => void)[] = [];
  const credentials: CredentialsPort = {
    ...fakeCredentials,
    checkPassword: (_password, _hash, _owner, then) => void checks.push(then),
  };
  const rig = new Rig({ credentials });
  const ann = owner(rig, "Ann", "desk");
  ann.send({ type: "set-password", password: "correct horse", ref: 1 }).close("quit");
  const bob = rig.client(openChat).send("Bob");
  for (const isRight of [true, false]) {
    const client = rig.client(lineChat).send("Ann", "a password", "hello");
    rig.hub.handleInputEnd(client.session, rig.nowMs);
    rig.pass(connections.afterFinMs + 20);
    bob.text();
    checks.pop()!(isRight);
    rig.pass(connections.afterFinMs + 20);
    expect(bob.text().includes("Ann: hello")).toBe(isRight);
    expect(client.link.ended).toBe(!isRight);
    client.close("quit");
  }
});

test("commands that wait when the connection closes are carried out before the session ends", () => {
  const rig = new Rig({ rates: ratesFor(100) });
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  const many = 440;
  ann.queue(...Array.from({ length: many }, (_, i) => say(i + 1)));
  expect(ann.session.queue.length).toBeGreaterThan(0);
  expect(rig.hub.handleLastInput(ann.session, rig.nowMs)).toBe(true);
  rig.settle();
  rig.pass(20_000);
  const heard = bob.lines().filter(({ type }) => type === "message");
  expect(heard.map(({ text }) => text)).toEqual(
    Array.from({ length: many }, (_, i) => `m${i + 1}`),
  );
  expect(ann.link.ended).toBe(true);
  // Nothing waits: the session may go at once.
  expect(rig.hub.handleLastInput(bob.session, rig.nowMs)).toBe(false);
  // Its dialect hears on after the end of its input, but nobody is left to hear.
  const dan = rig.client(lineChat).send("Dan");
  dan.queue(...Array.from({ length: many }, (_, i) => `m${i + 1}`));
  expect(rig.hub.handleLastInput(dan.session, rig.nowMs)).toBe(true);
  rig.settle();
  rig.pass(20_000);
  expect(bob.lines().filter(({ type }) => type === "message")).toHaveLength(many);
  expect(dan.link.ended).toBe(true);
});

test("a member that only listens keeps its name and mail when the server is killed", () => {
  const clock = () => before.nowMs;
  const store = new FailingStore(openMemoryStore({ epoch: "epoch-1", clock }));
  const before = new Rig({}, store.answer);
  const ann = before.member("Ann");
  for (let minutes = 0; minutes < 25 * 60; minutes++) {
    before.pass(60_000, 20_000);
    ann.send({ type: "pong" });
    store.store.sweep();
  }
  store.reopen();
  const after = new Rig({}, store.answer);
  after.nowMs = before.nowMs;
  after.member("Bob").send({ type: "tell", n: 1, to: ["Ann"], text: "psst" });
  const back = after.member("Ann", since(0));
  expect(back.lines()).toContainEqual(expect.objectContaining({ type: "private", mail: 1 }));
});

test("records of a crowd that logged in at once are refreshed a few at a time", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const crowd = 300;
  const people = Array.from({ length: crowd }, (_, i) => rig.member(`P${i}`));
  let most = 0;
  store.tried = ({ sessions }) => {
    most = Math.max(most, sessions.length);
  };
  for (let minutes = 0; minutes < 4; minutes++) {
    rig.pass(60_000, 1_000);
    for (const person of people) person.queue({ type: "pong" });
    const ages = people.map(
      ({ session }) => rig.nowMs - store.store.sessions.load(session.identity.recordId)!.seenMs,
    );
    expect(Math.max(...ages)).toBeLessThan(2 * limits.recordFreshMs);
  }
  expect(most).toBeLessThanOrEqual((crowd * 2) / 60);
});

test("members present at a shutdown get mail as soon as the server is back", () => {
  const store = new FailingStore();
  const before = new Rig({}, store.answer);
  const ann = before.member("Ann");
  const late = before.client(openChat, false).send("Late");
  for (let minutes = 0; minutes < 20; minutes++) {
    before.pass(60_000, 10_000);
    ann.send({ type: "pong" });
  }
  ann.queue(say(1, "last words"));
  before.hub.stop("The server is stopping", before.nowMs);
  before.settle();
  expect(ann.lines().slice(-3)).toMatchObject([
    { type: "message", text: "last words" },
    { type: "ack", n: 1 },
    { type: "bye", reason: "The server is stopping" },
  ]);
  before.pass(1_000);
  expect([ann.link.ended, late.link.ended]).toEqual([true, true]);
  const tooLate = before.client();
  before.settle();
  expect(tooLate.lines()).toMatchObject([{ type: "bye" }]);
  for (const client of [ann, late, tooLate]) client.close();
  expect(keptBy(before.hub)).toEqual(nothing);

  store.reopen();
  const after = new Rig({}, store.answer);
  after.nowMs = before.nowMs;
  after.member("Bob").send({ type: "tell", n: 1, to: ["Ann"], text: "psst" });
  const back = after.member("Ann", since(1));
  expect(back.lines()).toContainEqual(expect.objectContaining({ type: "private", mail: 1 }));
});

test("a line that is too long closes the connection, whatever the sender's rate", () => {
  const rig = new Rig({ rates: { messagesPerSecond: 1, bytesPerSecond: 1e6 } });
  const ann = rig.client(openChat).queue("Ann");
  for (let i = 0; i < 100; i++) ann.queue(`m${i}`);
  rig.hub.handleOverflow(ann.session, rig.nowMs);
  rig.settle();
  expect(ann.text()).toContain("The message is longer than");
  expect(ann.link.ended).toBe(true);
  rig.hub.handleOverflow(ann.session, rig.nowMs);
  rig.settle();
  expect(ann.text()).toBe("");
});

test("an answer that arrives after the connection has closed is dropped", () => {
  const answers: (() => void)[] = [];
  const files: FilesPort = {
    list: (_request, answer) => answers.push(() => answer({ files: [], next: undefined })),
    transfer() {},
    download() {},
    closed() {},
  };
  const rig = new Rig({ files });
  const ann = rig.member("Ann");
  ann.link.capacity = 0;
  ann.send({ type: "files" });
  // A `bye` would wait for the list.
  rig.hub.handleOverflow(ann.session, rig.nowMs);
  rig.settle();
  for (const answer of answers) answer();
  rig.settle();
  ann.link.capacity = Infinity;
  rig.hub.handleDrain(ann.session, rig.nowMs);
  expect(ann.text()).not.toContain('"files"');
});

test("a delayed message asks for a timer by itself", () => {
  let wakes = 0;
  const rates = { messagesPerSecond: 1, bytesPerSecond: 1e6 };
  const rig = new Rig({ rates, wake: () => wakes++ });
  const ann = rig.client(lineChat);
  const send = (text: string) => {
    ann.queue(text);
    const asked = wakes;
    wakes = 0;
    rig.hub.endTurn(rig.nowMs);
    rig.pump();
    rig.hub.finishTurn(rig.nowMs);
    return asked;
  };
  for (const text of ["Ann", "1", "2", "3"]) send(text);
  rig.hub.handleTimeout(rig.nowMs);
  expect(send("over")).toBe(1);
  expect(rig.hub.nextTimeoutMs - rig.nowMs).toBeLessThan(20);
});

test("no fast timer runs for a client that does not read", () => {
  const rig = new Rig();
  const ann = rig.client(openChat, false).send("Ann");
  ann.link.capacity = 0;
  const bob = rig.client(openChat).send("Bob");
  bob.send("1", "2", "3");
  rig.pass(200);
  expect(rig.hub.nextTimeoutMs - rig.nowMs).toBeGreaterThan(500);
  ann.text();
  ann.link.capacity = Infinity;
  rig.hub.handleDrain(ann.session, rig.nowMs);
  rig.pass(500);
  expect(ann.sends().filter((text) => text.startsWith("Bob: "))).toEqual([
    "Bob: 1",
    "Bob: 2",
    "Bob: 3",
  ]);
});

test("nothing is kept once everyone has disconnected", () => {
  const rig = new Rig({ rates: { messagesPerSecond: 1, bytesPerSecond: 1e6 } });
  const people = [
    rig.member("Ann"),
    rig.member("Bob", inRoom("den")),
    rig.client(openChat, false).send("Cal"),
    rig.client(chatRoom, false).send(":N:Dan"),
    rig.client(),
  ];
  for (const client of people) client.link.capacity = 50;
  for (let n = 1; n <= 200; n++) people[0]!.queue(say(n));
  people[2]!.queue("~Ann hi", "~Bob hi", ...Array.from({ length: 50 }, (_, i) => `m${i}`));
  rig.settle();
  rig.pass(output.unframedGapMs * 3);
  for (const client of people) client.close();
  rig.pass(2_000, 100);
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("a line-chat client that closed its connection gets its name back", () => {
  const rig = new Rig();
  const bob = rig.client(lineChat, true, "192.0.2.1").send("Bob");
  const ida = rig.client(lineChat, true, "192.0.2.2").send("Ida");
  // A closed connection looks like one whose client only listens from now on.
  rig.hub.handleInputEnd(ida.session, rig.nowMs);
  rig.settle();
  bob.text();
  const stranger = rig.client(lineChat, true, "192.0.2.3").send("Ida");
  expect(stranger.text()).toContain("The name 'Ida' is taken");
  const again = rig.client(lineChat, true, "192.0.2.2").send("Ida", "back");
  expect(again.text()).toBe("");
  expect(bob.text()).toBe("\nIda left the chat:\n\nIda joined the chat:\n\nIda: back\n");
  rig.pass(1_000);
  expect(ida.link.ended).toBe(true);
});
