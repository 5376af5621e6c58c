// The hub's promises: who receives what, in which order, exactly once.

import { expect, test } from "bun:test";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { output } from "../../src/limits.ts";
import { FailingStore } from "./failing-store.ts";
import { memberNames } from "./inspect.ts";
import { inRoom, Rig, since } from "./rig.ts";

const said = (lines: Record<string, unknown>[]) =>
  lines.filter((line) => line["type"] === "message").map((line) => line["text"]);

test("a message reaches every dialect once, in its format, and is acknowledged", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.client(openChat).send("Bob");
  const cal = rig.client(selectChat).send("Cal");
  const dan = rig.client(lineChat).send("Dan");
  for (const client of [ann, bob, cal, dan]) client.text();

  ann.send({ type: "say", room: "lobby", n: 1, text: "hi" });
  expect(ann.lines()).toMatchObject([
    { type: "message", seq: 1, from: "Ann", text: "hi", n: 1 },
    { type: "ack", n: 1, room: "lobby", seq: 1 },
  ]);
  expect(bob.text()).toBe("Ann: hi\n");
  expect(cal.text()).toBe("Ann : ALL - hi\n");
  expect(dan.text()).toBe("\nAnn: hi\n");

  dan.send("hej");
  expect(dan.text()).toBe("");
  expect(bob.text()).toBe("Dan: hej\n");
});

test("the messages of one turn are sent in one write", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.client(openChat).send("Bob");
  bob.text();
  ann.send(
    { type: "say", room: "lobby", n: 1, text: "1" },
    { type: "say", room: "lobby", n: 2, text: "2" },
    { type: "say", room: "lobby", n: 3, text: "3" },
  );
  expect(bob.sends()).toEqual(["Ann: 1\nAnn: 2\nAnn: 3\n"]);
  expect(ann.lines().filter((line) => line["type"] === "ack")).toEqual([
    { type: "ack", n: 3, room: "lobby", seq: 3 },
  ]);
});

const say = (n: number, text = `${n}`): object => ({ type: "say", room: "lobby", n, text });

test("a client that asks for runs gets consecutive messages of one sender in one line", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.member("Bob", { runs: true });
  const cal = rig.member("Cal");
  for (const client of [ann, bob, cal]) client.text();

  ann.send(say(1, 'q"'), say(2), say(3));
  const one = {
    type: "messages",
    room: "lobby",
    seq: 1,
    time: rig.nowMs,
    from: "Ann",
    texts: ['q"', "2", "3"],
    n: 1,
  };
  expect(bob.lines()).toEqual([one]);
  expect(said(cal.lines())).toEqual(['q"', "2", "3"]);

  // Another sender, a newcomer in between and another millisecond each end a run. An answer to one
  // member does not: it follows the run.
  ann.queue(say(4), say(5));
  cal.queue(say(1));
  ann.queue(say(6));
  const dan = rig.client().queue({ type: "hello", version: 2, name: "Dan", runs: true });
  ann.queue(say(7), say(8));
  bob.queue({ type: "ping", ref: 1 });
  ann.queue(say(9), say(10));
  rig.nowMs++;
  ann.send(say(11));
  const heard = (client: typeof bob) =>
    client.lines().map(({ type, seq, texts, text }) => [type, seq ?? 0, texts ?? text ?? ""]);
  expect(heard(bob)).toEqual([
    ["messages", 4, ["4", "5"]],
    ["message", 6, "1"],
    ["message", 7, "6"],
    ["joined", 0, ""],
    ["messages", 8, ["7", "8", "9", "10"]],
    ["pong", 0, ""],
    ["message", 12, "11"],
  ]);
  expect(heard(dan)).toEqual([
    ["welcome", 0, ""],
    ["joined", 0, ""],
    ["messages", 8, ["7", "8", "9", "10"]],
    ["message", 12, "11"],
  ]);
});

test("a run has a maximum length", () => {
  const rig = new Rig();
  const ann = rig.member("Ann", { runs: true });
  ann.text();
  const text = "x".repeat(output.maxRunChars / 4);
  for (let n = 1; n <= 9; n++) ann.queue({ type: "say", room: "lobby", n, text });
  ann.send();
  const lines = ann.lines().filter(({ type }) => type !== "ack");
  expect(lines.map(({ texts }) => (texts as string[] | undefined)?.length ?? 1)).toEqual([4, 4, 1]);
});

test("personal answers keep their place among the room's events", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const cal = rig.member("Cal");
  const bob = rig.client(openChat).send("Bob");
  bob.text();
  ann.queue(say(1, "before"));
  bob.queue("show");
  cal.queue(say(1, "after"));
  rig.settle();
  expect(bob.text()).toBe("Ann: before\nALL Ann Cal \nCal: after\n");
});

test("an unframed client gets one message per write, 20 ms apart, joined when many wait", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.client(openChat, false).send("Bob");
  rig.pass(100);
  expect(bob.sends()).toEqual(["Bob has joined the chat!", "ALL Ann "]);
  for (let n = 1; n <= 40; n++) ann.queue({ type: "say", room: "lobby", n, text: String(n) });
  rig.settle();
  expect(bob.sends()).toHaveLength(1);
  rig.pass(16);
  expect(bob.sends()).toEqual([]);
  rig.pass(2_000);
  const rest = bob.sends();
  expect(rest.slice(0, 3)).toEqual(["Ann: 2", "Ann: 3", "Ann: 4"]);
  expect(rest).toHaveLength(output.unframedWaiting - 1);
  expect(rest.join("\n").split("\n").at(-1)).toBe("Ann: 40");
});

test("a repeated message counts once, even after a reconnect", () => {
  const rig = new Rig();
  const bob = rig.client(openChat).send("Bob");
  const ann = rig.member("Ann");
  ann.send(
    { type: "say", room: "lobby", n: 1, text: "one" },
    { type: "say", room: "lobby", n: 1, text: "one" },
  );
  ann.close();
  const back = rig.member("Ann", since(0));
  expect(back.lines()[0]).toMatchObject({
    type: "welcome",
    session: { n: 1, recovered: true, rooms: [{ room: "lobby", seq: 1, recovered: true }] },
  });
  back.send({ type: "say", room: "lobby", n: 1, text: "one" });
  expect(back.lines()).toEqual([{ type: "ack", n: 1 }].map((ack) => expect.objectContaining(ack)));
  expect(bob.text().match(/Ann: one/g)).toHaveLength(1);
});

test("a gap in the counter is refused", () => {
  const ann = new Rig().member("Ann");
  ann.text();
  ann.send({ type: "say", room: "lobby", n: 3, text: "three" });
  expect(ann.lines()).toMatchObject([{ type: "error", code: "protocol", n: 3 }]);
});

test("a returning member gets exactly the messages it missed, then hears the room live", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  bob.send({ type: "say", room: "lobby", n: 1, text: "heard" });
  ann.close();
  for (let n = 2; n <= 1_500; n++)
    bob.queue({ type: "say", room: "lobby", n, text: `missed ${n}` });
  rig.settle();
  const back = rig.member("Ann", since(1));
  bob.send({ type: "say", room: "lobby", n: 1_501, text: "live" });
  const lines = back.lines();
  expect(lines[0]).toMatchObject({
    type: "welcome",
    session: { rooms: [{ recovered: true, seq: 1_500 }] },
  });
  const seqs = lines.filter(({ type }) => type === "message").map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: 1_500 }, (_, i) => i + 2));
});

test("a session takes over its name from its dead connection, and nobody else can", () => {
  const rig = new Rig();
  const watcher = rig.client(openChat).send("Eve");
  const ann = rig.member("Ann");
  watcher.text();
  const thief = rig.client().send({
    type: "hello",
    version: 2,
    name: "ann",
    secret: "somebody-elses-secret",
  });
  expect(thief.lines()).toMatchObject([{ type: "error", code: "name-taken" }]);
  expect(thief.link.ended).toBe(true);
  const again = rig.member("Ann");
  expect(again.lines()[0]).toMatchObject({ type: "welcome", session: { name: "Ann" } });
  expect(ann.lines().at(-1)).toMatchObject({ type: "bye" });
  expect(ann.link.ended).toBe(true);
  expect(watcher.text()).toBe("");
});

test("mail waits for a member whose connection was lost, not for one who said goodbye", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  rig.member("Ann").close("lost");
  rig.member("Cal").send({ type: "bye" });
  bob.text();
  bob.send({ type: "tell", n: 1, to: ["Ann"], text: "psst" });
  expect(bob.lines()).toMatchObject([{ type: "ack", n: 1 }]);
  bob.send({ type: "tell", n: 2, to: ["Cal"], text: "psst" });
  expect(bob.lines()).toMatchObject([
    { type: "error", code: "unknown-user", n: 2 },
    { type: "ack", n: 2 },
  ]);
  const back = rig.member("Ann", since(0));
  expect(back.lines()).toContainEqual(
    expect.objectContaining({ type: "private", mail: 1, from: "Bob", text: "psst" }),
  );
});

test("a slow reader is notified, dropped and forgotten; the others notice nothing", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.client(openChat).send("Bob");
  const cal = rig.client(openChat).send("Cal");
  bob.text();
  cal.text();
  bob.link.capacity = 10;
  const text = "x".repeat(16_000);
  for (let n = 1; n <= 400 && rig.hub.options.metrics.slowReadersDropped === 0; n++) {
    ann.send({ type: "say", room: "lobby", n, text });
  }
  expect(rig.hub.options.metrics.slowReadersDropped).toBe(1);
  expect(bob.session.output.lagBytes).toBeLessThan(70_000);
  expect(cal.text()).toContain("Bob left the chat...");
  bob.link.capacity = Infinity;
  rig.hub.handleDrain(bob.session, rig.nowMs);
  rig.settle();
  expect(bob.text()).toContain("too slowly");
  expect(bob.link.ended).toBe(true);
});

test("a message that is not committed is not delivered; its sender is notified and can resend it", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const bob = rig.client(openChat).send("Bob");
  const ann = rig.member("Ann");
  bob.text();
  ann.text();
  store.full = true;
  ann.send(
    { type: "say", room: "lobby", n: 1, text: "lost?" },
    { type: "tell", n: 2, to: ["Bob"], text: "psst" },
  );
  bob.send("plain");
  expect(ann.lines()).toMatchObject([{ type: "error", code: "storage", n: 1 }]);
  expect(bob.text()).toBe("The disk is full: make space\n");
  store.full = false;
  ann.send(
    { type: "say", room: "lobby", n: 1, text: "lost?" },
    { type: "tell", n: 2, to: ["Bob"], text: "psst" },
  );
  expect(bob.text()).toBe("Ann: lost?\nAnn: (PRIVATE)  psst\n");
  expect(said(ann.lines())).toEqual(["lost?"]);
});

test("a sender over its rate is delayed, then refused with a retry time; others are not", () => {
  const rig = new Rig({ rates: { messagesPerSecond: 10, bytesPerSecond: 1e6 } });
  const bob = rig.client(openChat).send("Bob");
  const ann = rig.member("Ann");
  rig.pass(1_000);
  bob.text();
  ann.text();
  for (let n = 1; n <= 200; n++) ann.queue({ type: "say", room: "lobby", n, text: String(n) });
  rig.settle();
  const refused = ann.lines().find(({ type }) => type === "error")!;
  expect(refused).toMatchObject({ code: "rate" });
  expect(refused["retryAfterMs"]).toBeGreaterThan(0);
  const n = refused["n"] as number;
  rig.pass(refused["retryAfterMs"] as number);
  ann.send({ type: "say", room: "lobby", n, text: String(n) });
  rig.pass(1_000);
  const numbers = bob.text().match(/\d+/g)!.map(Number);
  expect(numbers).toEqual(Array.from({ length: n }, (_, i) => i + 1));
});

test("a private chat works across dialects, and nobody else hears it", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const ben = rig.client(selectChat).send("Ben");
  const cal = rig.client(openChat).send("Cal");
  ann.send({ type: "invite", to: "ben" });
  ben.send("accept");
  for (const client of [ann, ben, cal]) client.text();
  ann.send({ type: "tell", n: 1, to: ["ben"], text: "secret" });
  ben.send("yes");
  expect(ben.text()).toContain("secret");
  expect(ann.lines()).toContainEqual(
    expect.objectContaining({ type: "private", text: "yes", chat: true }),
  );
  expect(cal.text()).toBe("");
  ben.close("lost");
  expect(ann.lines()).toContainEqual({ type: "chat", state: "lost", with: "Ben" });
});

test("a renamed member stays in its room, and the old name is free", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  ann.text();
  ann.send({ type: "rename", name: "Anna", ref: 7 });
  expect(ann.lines()).toEqual([
    { type: "renamed", room: "lobby", from: "Ann", to: "Anna" },
    { type: "name", name: "Anna", ref: 7 },
  ]);
  expect(rig.client(openChat).send("Ann").text()).toContain("Ann has joined");
  ann.send({ type: "rename", name: "ALL" });
  expect(ann.lines()).toContainEqual(expect.objectContaining({ code: "name-invalid" }));
});

test("a rename to the same name is answered, and told to nobody", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  bob.text();
  ann.text();
  ann.send({ type: "rename", name: "Ann", ref: 7 });
  expect(ann.lines()).toEqual([{ type: "name", name: "Ann", ref: 7 }]);
  expect(bob.text()).toBe("");
  // It may be spelled differently.
  ann.send({ type: "rename", name: "ANN" });
  expect(bob.lines()).toEqual([{ type: "renamed", room: "lobby", from: "Ann", to: "ANN" }]);
});

test("rooms have separate messages and numbers", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.member("Bob", inRoom("den"));
  ann.send({ type: "say", room: "lobby", n: 1, text: "lobby" });
  bob.text();
  bob.send({ type: "say", room: "den", n: 1, text: "den" });
  expect(bob.lines()).toMatchObject([
    { type: "message", room: "den", seq: 1, text: "den" },
    { type: "ack" },
  ]);
  ann.text();
  ann.send({ type: "join", room: "den", seq: 0, epoch: "epoch-1", ref: 1 });
  expect(ann.lines()).toMatchObject([
    { type: "entered", room: "den", seq: 1, epoch: "epoch-1", recovered: true, ref: 1 },
    { type: "joined", room: "den", name: "Ann" },
    { type: "topic", room: "den", topic: "" },
    { type: "message", room: "den", text: "den" },
  ]);
  expect(bob.lines()).toContainEqual({ type: "joined", room: "den", name: "Ann" });
});

test("control characters, escapes and line ends reach nobody", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.client(openChat).send("Bob");
  bob.text();
  ann.send({ type: "say", room: "lobby", n: 1, text: "a\nBob: forged\u001b[2Jb\u202ec\u0007" });
  expect(bob.text()).toBe("Ann: a Bob: forgedbc\n");
});

test("a silent native session is pinged, and dropped if it does not answer", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  ann.text();
  rig.pass(61_500, 500);
  expect(ann.lines()).toEqual([{ type: "ping" }]);
  rig.pass(31_500, 500);
  expect(ann.link.aborted).toBe(true);
  ann.close();
  expect(memberNames(rig.hub)).toEqual([]);
});

test("a connection that does not log in is warned, and closed in time", () => {
  const rig = new Rig();
  const nobody = rig.client(openChat);
  rig.pass(62_000, 500);
  expect(nobody.text()).toContain("You did not log in within 60 s");
  expect(nobody.link.ended).toBe(true);
});

test("blank lines and refused names do not extend the login timeout", () => {
  const rig = new Rig();
  rig.client(lineChat).send("Ann");
  const dodgers = [
    [rig.client(lineChat), "Ann"],
    [rig.client(lineChat), ""],
    [rig.client(), " "],
  ] as const;
  for (let second = 0; second < 62; second++) {
    rig.pass(1_000, 500);
    for (const [client, line] of dodgers) client.send(line);
  }
  for (const [client] of dodgers) expect(client.link.ended).toBe(true);
});

test("the deliveries metric counts room messages per recipient", () => {
  const rig = new Rig();
  const { metrics } = rig.hub.options;
  const ann = rig.member("Ann");
  const bob = rig.member("Bob", { runs: true });
  rig.client(openChat).send("Cal");
  rig.client(openChat).send("Dan").send("CHANGENAME Dan Eve");
  expect(metrics.deliveries).toBe(0);
  bob.send(
    { type: "say", room: "lobby", n: 1, text: "a" },
    { type: "say", room: "lobby", n: 2, text: "b" },
  );
  expect(metrics.deliveries).toBe(8);
  // In this dialect nobody receives their own lines.
  rig.client(lineChat).send("Fay").send("c");
  expect(metrics.deliveries).toBe(8 + 4);
  ann.send({ type: "tell", n: 1, to: ["Bob"], text: "psst" });
  bob.close("lost");
  rig.member("Bob", since(0));
  expect(metrics.deliveries).toBe(12);
});
