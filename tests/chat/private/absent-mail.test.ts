// Limits on the mail that one network may leave for an offline user.

import { expect, test } from "bun:test";
import { ratesFor } from "../../../src/chat/rates/rate-budget.ts";
import { history, sender } from "../../../src/limits.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import { owner } from "../owner.ts";
import { type Client, Rig } from "../rig.ts";

const share = history.absentMailMessages;

const tell = (n: number, to: string[]): object => ({ type: "tell", n, to, text: `${n}` });

/** A rig in which Absent has just lost the connection. */
function rigWithAbsent(): Rig {
  const rig = new Rig({ rates: ratesFor(sender.messagesPerSecond) });
  rig.member("Absent", {}, "203.0.113.9").close();
  return rig;
}

type Outcome = { sent: number; full: Record<string, unknown>[] };

/** Writes to Absent from these members in turn, `each` messages a member. */
function write(rig: Rig, members: readonly Client[], each: number): Outcome {
  const outcome: Outcome = { sent: 0, full: [] };
  for (let i = 0; i < each; i++) {
    for (const member of members) {
      member.send(tell(i + 1, ["Absent"]));
      const lines = member.lines();
      const refusal = lines.find(({ code }) => code === "full");
      if (refusal !== undefined) outcome.full.push(refusal);
      else if (lines.some(({ type, n }) => type === "ack" && n === i + 1)) outcome.sent++;
    }
    rig.pass(1_000, 100);
  }
  return outcome;
}

test("a share used up for one person is there for another", () => {
  const rig = rigWithAbsent();
  rig.member("Cal", {}, "203.0.113.10").close();
  const strangers = Array.from({ length: 20 }, (_, i) =>
    rig.member(`Stranger${i}`, {}, "198.51.100.7"),
  );
  expect(write(rig, strangers, 20).full.length).toBeGreaterThan(0);
  for (const stranger of strangers) {
    stranger.send(tell(21, ["Cal"]));
    expect(stranger.lines().filter(({ code }) => code === "full")).toEqual([]);
  }
});

test("60 names of one network are refused once their network has used up its share", () => {
  const rig = rigWithAbsent();
  const bob = rig.member("Bob", {}, "192.0.2.1");
  expect(write(rig, [bob], 40)).toEqual({ sent: 40, full: [] });
  const strangers = Array.from({ length: 60 }, (_, i) =>
    rig.member(`Stranger${i}`, {}, "198.51.100.7"),
  );
  const { sent, full } = write(rig, strangers, 25);
  expect(sent).toBeGreaterThanOrEqual(share);
  // A user may stay offline indefinitely; meanwhile the share refills.
  expect(sent).toBeLessThan(share * (1 + 25_000 / history.mailHoldMs) + 2);
  expect(full).toHaveLength(25 * 60 - sent);
  expect(full[0]).toMatchObject({ type: "error", code: "full", subject: "Absent" });
  expect(full[0]!["message"]).toContain("your network has already left 250 messages");
  const back = rig.client(undefined, true, "203.0.113.9");
  back.send({
    type: "hello",
    version: 2,
    name: "Absent",
    secret: "Absent-0123456789abcdef",
    epoch: "epoch-1",
    mail: 0,
    rooms: [],
  });
  rig.pass(1_000);
  const mail = back.lines().filter(({ type }) => type === "private");
  expect(mail.filter(({ from }) => from === "Bob")).toHaveLength(40);
  expect(JSON.stringify(mail)).not.toContain("198.51.100");
});

test("a counted message is refused by its number, which it uses up", () => {
  const rig = rigWithAbsent();
  const bot = rig.member("Bot", {}, "192.0.2.1");
  for (let n = 1; n <= share; n++) {
    bot.send(tell(n, ["Absent"]));
    rig.pass(20, 10);
  }
  bot.text();
  const last = share + 20;
  const refused: unknown[] = [];
  for (let n = share + 1; n <= last; n++) {
    bot.send(tell(n, ["Absent"]));
    for (const line of bot.lines()) if (line["code"] === "full") refused.push(line["n"]);
  }
  expect(refused).toContain(last);
  // Other recipients still get the message, and only the offline one is named.
  const ann = rig.member("Ann", {}, "203.0.113.7");
  ann.text();
  bot.send(tell(last + 1, ["Absent", "Ann"]));
  expect(ann.lines()).toMatchObject([{ type: "private", text: `${last + 1}`, to: ["Ann"] }]);
  const lines = bot.lines().filter(({ type }) => type !== "joined");
  expect(lines).toContainEqual(expect.objectContaining({ type: "ack", n: last + 1 }));
  const errors = lines.filter(({ type }) => type === "error");
  expect(errors).toMatchObject([{ code: "full", subject: "Absent" }]);
  expect(errors[0]).not.toHaveProperty("n");
});

test("the networks of one /48 may fill half a mailbox; loopback and `--rate 0` are exempt", () => {
  const perNetwork = 4;
  const rig = rigWithAbsent();
  const wide = Array.from({ length: 100 * perNetwork }, (_, i) =>
    rig.member(`S${i}`, {}, `2001:db8:1:${(i % 100).toString(16)}00::${i}`),
  );
  const { sent } = write(rig, wide, 8);
  expect(sent).toBeGreaterThanOrEqual(2 * share);
  expect(sent).toBeLessThan(2 * share * 1.1);

  const local = rigWithAbsent();
  const own = Array.from({ length: 20 }, (_, i) => local.member(`L${i}`, {}, "127.0.0.1"));
  expect(write(local, own, 20)).toEqual({ sent: 400, full: [] });

  const free = new Rig();
  free.member("Absent", {}, "203.0.113.9").close();
  const bot = free.member("Bot", {}, "192.0.2.1");
  expect(write(free, [bot], 400)).toEqual({ sent: 400, full: [] });
});

test("what an owner has left is not displaced by strangers of the same network, however many", () => {
  const mailMessages = 8;
  const store = openMemoryStore({ epoch: "epoch-1", retention: { mailMessages } });
  const rig = new Rig({}, (request) => answerRequest(store, request));
  const absent = rig.member("Absent", {}, "203.0.113.9");
  const mailbox = absent.session.identity.mailbox;
  absent.close();
  const ann = owner(rig, "Ann", "desk");
  for (const n of [1, 2, 3]) ann.send(tell(n, ["Absent"]));
  for (let i = 0; i < 2 * mailMessages; i++) {
    rig.member(`Stranger${i}`).send(tell(1, ["Absent"]));
  }
  const left = store.mailboxes.after(mailbox, 0, 100).map(({ from }) => from);
  expect(left).toHaveLength(mailMessages);
  expect(left.slice(0, 3)).toEqual(["Ann", "Ann", "Ann"]);
});
