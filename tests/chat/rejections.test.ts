// Messages refused because of the rate or a full disk: who is notified, and how the counter
// continues.

import { expect, test } from "bun:test";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { sender } from "../../src/limits.ts";
import { FailingStore } from "./failing-store.ts";
import { Rig, say } from "./rig.ts";

const slow = { messagesPerSecond: 1, bytesPerSecond: 1e6 };
/** The first counter over a rate of 1: the hello took one of the burst, and the queue is full. */
const over = sender.burstSeconds + sender.maxDelayed;

test("a refused message resent too early is refused again", () => {
  const rig = new Rig({ rates: slow });
  const ann = rig.member("Ann");
  for (let n = 1; n <= over; n++) ann.queue(say(n));
  rig.settle();
  expect(ann.lines()).toContainEqual(expect.objectContaining({ code: "rate", n: over }));
  ann.send(say(over));
  expect(ann.lines()).toContainEqual(expect.objectContaining({ code: "rate", n: over }));
});

test("the sentence rounds a short wait up, not down to 0.0 s", () => {
  const rates = { messagesPerSecond: 100 * sender.maxDelayed, bytesPerSecond: 1e9 };
  const rig = new Rig({ rates });
  const ann = rig.member("Ann");
  const tooMany = rates.messagesPerSecond * sender.burstSeconds + sender.maxDelayed + 1;
  for (let n = 1; n <= tooMany; n++) ann.queue(say(n));
  rig.settle();
  const message = expect.stringContaining("retry after 0.1 s");
  expect(ann.lines()).toContainEqual(expect.objectContaining({ code: "rate", message }));
});

test("messages after a refused one are ignored until it is resent", () => {
  const rig = new Rig({ rates: slow });
  const ann = rig.member("Ann");
  for (let n = 1; n <= over; n++) ann.queue(say(n));
  rig.settle();
  ann.text();
  rig.pass(2_000, 100);
  ann.send(say(over + 1), say(over + 2));
  rig.pass(80_000, 100);
  expect(ann.lines().filter(({ type }) => type === "error")).toEqual([]);
  ann.send(say(over), say(over + 1));
  expect(ann.lines()).toContainEqual({ type: "ack", n: over + 1, room: "lobby", seq: over + 1 });
});

test("a repeated message over the rate does not block later ones for good", () => {
  const rig = new Rig({ rates: slow });
  const ann = rig.member("Ann");
  ann.send(say(1));
  // Requests are not queued: they use up the rate and are then refused.
  for (let i = 0; i < 10; i++) ann.queue({ type: "rooms" });
  for (let n = 2; n < 2 + sender.maxDelayed; n++) ann.queue(say(n));
  ann.send(say(1));
  rig.pass(80_000, 100);
  ann.text();
  const next = 2 + sender.maxDelayed;
  ann.send(say(next));
  expect(ann.lines()).toContainEqual({ type: "ack", n: next, room: "lobby", seq: next });
});

test("an ack carries the room's number of its own message", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  ann.text();
  ann.send(say(1), { type: "say", room: "lobby", text: "uncounted" });
  expect(ann.lines()).toContainEqual({ type: "ack", n: 1, room: "lobby", seq: 1 });
  ann.send({ type: "say", room: "lobby", n: 2, text: "x".repeat(20_000) });
  expect(ann.lines()).toContainEqual({ type: "ack", n: 2 });
});

test("only the authors are told that the disk is full", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const ann = rig.member("Ann");
  const bob = rig.client(openChat).send("Bob");
  const cal = rig.client(openChat).send("Cal");
  for (const client of [ann, bob, cal]) client.text();
  store.full = true;
  bob.send("~Ann psst");
  expect(bob.text()).toBe("The disk is full: make space\n");
  expect(ann.text()).toBe("");
  // None of this needs the log, so it succeeds.
  bob.send("~Cal psst");
  expect(cal.text()).toBe("Bob: (PRIVATE)  psst\n");
  bob.text();
  const dan = rig.member("Dan");
  expect(dan.lines().map(({ type }) => type)).toEqual(["welcome", "joined"]);
  store.full = false;
  bob.send("~Ann again");
  expect(ann.lines()).toContainEqual(expect.objectContaining({ type: "private", mail: 1 }));
});

test("a private message lists the recipients it reached, not the names its sender typed", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  bob.text();
  ann.send({ type: "tell", n: 1, to: ["bob", "\u001b[2Jnobody", "x".repeat(9_000)], text: "hi" });
  expect(bob.lines()).toEqual([expect.objectContaining({ type: "private", to: ["Bob"] })]);
  const unknown = ann.lines().filter(({ code }) => code === "unknown-user");
  expect(unknown).toHaveLength(2);
});

test("mail is not kept for a user who said goodbye in the same turn", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  bob.text();
  ann.queue({ type: "bye" });
  bob.send({ type: "tell", n: 1, to: ["Ann"], text: "psst" });
  expect(bob.lines()).toContainEqual(expect.objectContaining({ code: "unknown-user", n: 1 }));
});

test("everything a client sent before it quit is delivered, even above its rate", () => {
  const rig = new Rig({ rates: { messagesPerSecond: 10, bytesPerSecond: 1e6 } });
  const bob = rig.client(selectChat).send("Bob");
  const ann = rig.client(openChat).send("Ann");
  for (let i = 1; i <= 60; i++) ann.queue(`m${i}`);
  ann.queue("{quit}", "late");
  rig.settle();
  rig.pass(5_000, 10);
  const heard = bob.text();
  expect(heard.match(/ALL - m\d+/g)).toHaveLength(60);
  expect(heard.indexOf("Ann left")).toBeGreaterThan(heard.indexOf("m60"));
  expect(heard).not.toContain("late");
  expect(ann.link.ended).toBe(true);
});

test("all messages of a sender arrive although rate and disk refuse in turn", () => {
  const store = new FailingStore();
  const rig = new Rig({ rates: { messagesPerSecond: 10, bytesPerSecond: 1e6 } }, store.answer);
  const ann = rig.member("Ann");
  const last = 200;
  let from = 1;
  let acked = 0;
  for (let round = 0; round < 60 && acked < last; round++) {
    store.full = round % 4 === 0;
    for (let n = from; n <= last; n++) ann.queue(say(n));
    rig.settle();
    rig.pass(1_500, 100);
    from = last + 1;
    for (const line of ann.lines()) {
      if (line["type"] === "ack") acked = line["n"] as number;
      if (line["type"] !== "error") continue;
      expect(line["code"]).toBeOneOf(["rate", "storage"]);
      from = Math.min(from, line["n"] as number);
    }
  }
  expect(acked).toBe(last);
  expect(store.store.rooms.bounds("lobby").last).toBe(last);
});

test("a refused copy of a waiting message does not block later ones", () => {
  const rig = new Rig({ rates: slow });
  const ann = rig.member("Ann");
  for (let n = 1; n < over; n++) ann.queue(say(n));
  ann.send(say(over - 1));
  expect(ann.lines()).toContainEqual(expect.objectContaining({ code: "rate", n: over - 1 }));
  rig.pass(80_000, 100);
  ann.text();
  ann.send(say(over));
  expect(ann.lines()).toContainEqual({ type: "ack", n: over, room: "lobby", seq: over });
});

test("an unknown name is refused in words that fit every dialect", () => {
  const rig = new Rig({});
  const ann = rig.member("Ann");
  ann.text();
  ann.send({ type: "invite", to: "Zed", ref: 1 });
  const message = "Nobody here is called 'Zed': check who is here";
  expect(ann.lines()).toMatchObject([{ type: "error", code: "unknown-user", message, ref: 1 }]);
});

test("for a mistyped name the nearest one in the sender's rooms is suggested", () => {
  const rig = new Rig({});
  const ann = rig.member("Ann");
  const bob = rig.member("Bob");
  const advice = (to: string): string => {
    ann.text();
    ann.send({ type: "tell", to: [to], text: "psst", n: ++n });
    return (
      /: (.*)/.exec(String(ann.lines().find(({ type }) => type === "error")?.message))?.[1] ?? ""
    );
  };
  let n = 0;
  expect(advice("Bbo")).toBe("did you mean 'Bob'?");
  // Nobody means themselves.
  expect(advice("Annn")).toBe("check who is here");
  bob.send({ type: "join", room: "den" });
  bob.send({ type: "part", room: "lobby" });
  expect(advice("Bbo")).toBe("check who is here");
});
