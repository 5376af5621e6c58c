// Limits for accounts: each account has its own share, wherever it connects from, and many accounts
// of one network gain little.

import { describe, expect, test } from "bun:test";
import { ratesFor } from "../../src/chat/rates/rate-budget.ts";
import { accounts, history, sender } from "../../src/limits.ts";
import { keyOf, withKey } from "./owner.ts";
import { type Client, Rig, say } from "./rig.ts";

const rates = ratesFor(sender.messagesPerSecond);
const past = {
  room: { messages: 10_000, bytes: 8_000_000 },
  all: { messages: 100_000, bytes: 80_000_000 },
};
const office = "192.0.2.1";

/** Somebody with a registered name, at an address. */
function person(rig: Rig, name: string, address = office): Client {
  const client = withKey(rig, name, name, {}, address);
  client.send({ type: "register", label: "desk", ref: "r" });
  const answer = client.lines().find(({ ref }) => ref === "r");
  if (answer?.["type"] !== "registered") throw new Error(JSON.stringify(answer));
  return client;
}

function people(rig: Rig, count: number, address = office): Client[] {
  return Array.from({ length: count }, (_, i) => person(rig, `P${i}`, address));
}

/** The same person on another device. */
function device(rig: Rig, of: Client, name: string, label: string, address: string): Client {
  const { account } = of.session.identity;
  const change = { type: "add-key", account, key: keyOf(label), label, atMs: 1 } as const;
  rig.answer({ type: "change-account", change, id: 0 });
  const client = withKey(rig, name, label, {}, address);
  expect(client.session.identity.account).toBe(account);
  return client;
}

/**
 * All of them send as much as they can for `seconds`; returns the number of accepted messages of
 * each.
 */
function flood(rig: Rig, who: readonly Client[], seconds: number): number[] {
  const counters = who.map(({ session }) => session.counter.taken);
  const before = [...counters];
  for (let ms = 0; ms < seconds * 1_000; ms += 50) {
    for (const [i, one] of who.entries()) {
      for (let k = 0; k < 20; k++) one.queue(say(++counters[i]!, "flood"));
      for (const line of one.lines()) {
        const { type, n } = line;
        if (type === "error" && typeof n === "number") counters[i] = Math.min(counters[i]!, n - 1);
      }
    }
    rig.pass(50, 10);
  }
  return who.map(({ session }, i) => session.counter.taken - before[i]!);
}

const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);

/** The number of messages one owner may send in that time. */
const ownShare = (seconds: number): number =>
  sender.sendersPerOwner * sender.messagesPerSecond * (seconds + sender.burstSeconds);

describe("twenty people behind one address", () => {
  test("are heard immediately while strangers there use up the share of the address", () => {
    const rig = new Rig({ rates });
    const [ann] = people(rig, 20);
    const strangers = Array.from({ length: 20 }, (_, i) => rig.member(`S${i}`, {}, office));
    flood(rig, strangers, 2);
    ann!.text();
    ann!.send(say(1, "hello"));
    expect(ann!.lines().map(({ type }) => type)).toContain("ack");
  });

  test("each get a fair part of their common share", () => {
    const rig = new Rig({ rates });
    const seconds = 10;
    const said = flood(rig, people(rig, 20), seconds);
    const all = accounts.sharesPerNetwork * ownShare(seconds);
    expect(sum(said)).toBeGreaterThan(0.8 * all);
    expect(sum(said)).toBeLessThanOrEqual(all + 20);
    for (const one of said) expect(one).toBeGreaterThan((0.5 * all) / 20);
  }, 180_000);

  test("one of them that floods delays none of the others", () => {
    const rig = new Rig({ rates });
    const [mallory, ...others] = people(rig, 20);
    for (let n = 1; n <= 500; n++) mallory!.queue(say(n, "flood"));
    for (const other of others) {
      other.text();
      other.send(say(1, "hello"));
      expect(other.lines().map(({ type }) => type)).toContain("ack");
    }
  });
});

test("a person with five devices on five networks is one person", () => {
  const rig = new Rig({ rates });
  const ann = person(rig, "Ann", "198.51.100.1");
  const devices = [2, 3, 4, 5].map((i) => device(rig, ann, "Ann", `d${i}`, `198.51.100.${i}`));
  const seconds = 4;
  const said = sum(flood(rig, [ann, ...devices], seconds));
  expect(said).toBeGreaterThan(0.5 * ownShare(seconds));
  expect(said).toBeLessThanOrEqual(ownShare(seconds) + 5);
});

test("64 names that one stranger has registered send no more than four addresses may", () => {
  const rig = new Rig({ rates });
  const seconds = 4;
  const said = sum(flood(rig, people(rig, accounts.registrationsAtOnce), seconds));
  expect(said).toBeLessThanOrEqual(accounts.sharesPerNetwork * ownShare(seconds) + 64);
}, 180_000);

test("an account on this machine has a share too, unlike strangers there", () => {
  const rig = new Rig({ rates });
  const ann = person(rig, "Ann", "127.0.0.1");
  const second = device(rig, ann, "Ann", "second", "127.0.0.1");
  const third = device(rig, ann, "Ann", "third", "127.0.0.1");
  const said = sum(flood(rig, [ann, second, third], 4));
  expect(said).toBeLessThanOrEqual(ownShare(4) + 3);
  const strangers = ["Ben", "Cid", "Dot"].map((name) => rig.member(name));
  expect(sum(flood(rig, strangers, 4))).toBeGreaterThan(1.3 * ownShare(4));
});

test("the accounts of one network replace at most half of a room's history at once, each of them a quarter", () => {
  const rig = new Rig({ rates, past });
  const teller = rig.member("Teller", {}, "127.0.0.1");
  for (let n = 1; n <= 5_000; n++) {
    teller.queue(say(n));
    if (n % 50 === 0) rig.pass(500, 500);
  }
  const said = flood(rig, people(rig, 8), 120);
  const at = (percent: number): number => (percent / 100) * past.room.messages;
  for (const one of said) expect(one).toBeLessThan(1.2 * at(history.pastPercentAtOnce));
  expect(sum(said)).toBeGreaterThan(0.8 * at(2 * history.pastPercentAtOnce));
  expect(sum(said)).toBeLessThan(1.3 * at(2 * history.pastPercentAtOnce));
}, 180_000);

test("mail to an offline user: a quarter of the mailbox for each person, half of it for an office", () => {
  const rig = new Rig({ rates });
  rig.member("Absent", {}, "203.0.113.9").close();
  const write = (one: Client, count: number): number => {
    one.text();
    let sent = 0;
    for (let i = 0; i < count; i++) {
      const n = one.session.counter.taken + 1;
      one.send({ type: "tell", n, to: ["Absent"], text: `${i}` });
      const lines = one.lines();
      const isRefused = lines.some(({ code }) => code === "full");
      if (!isRefused && lines.some((line) => line["type"] === "ack" && line["n"] === n)) sent++;
      rig.pass(20, 20);
    }
    return sent;
  };
  const [ann, ben, cid] = people(rig, 3);
  const phone = device(rig, ann!, "P0", "phone", "198.51.100.1");
  const own = history.absentMailMessages;
  const most = own * 1.1;
  const ofAnn = write(ann!, own + 50) + write(phone, 50);
  expect(ofAnn).toBeGreaterThanOrEqual(own);
  expect(ofAnn).toBeLessThan(most);
  const others = write(ben!, own + 50) + write(cid!, own + 50);
  expect(others).toBeGreaterThan(0.9 * own);
  expect(ofAnn + others).toBeLessThan(history.absentMailMaxTimes * most);
  const stranger = rig.member("Stranger", {}, office);
  expect(write(stranger, 20)).toBe(20);
}, 180_000);

test("a client that leaves counts for its previous owner, whatever is proved too late", () => {
  const rig = new Rig({ rates });
  const stranger = rig.member("Stranger", {}, office);
  const { session } = stranger;
  const moved: unknown[] = [];
  session.link.belongsTo = (owner) => void moved.push(owner);
  stranger.close();
  session.prove({ key: keyOf("late"), account: "late", isDevice: true });
  expect(moved).toEqual([]);
});
