// Sealed messages through the hub: relayed unchanged to one user, online or offline, and reported
// as sealed to clients that can't open them.

import { describe, expect, test } from "bun:test";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { sealed as limits } from "../../src/limits.ts";
import { keyOf, owner, withKey } from "./owner.ts";
import { type Client, Rig } from "./rig.ts";

const sealedFor = (...devices: readonly string[]) => ({
  key: keyOf("desk"),
  boxes: devices.map((device) => ({ key: keyOf(device), box: `box_for_${device}` })),
});
const tell = (n: number, to: readonly string[], sealed: object) => ({
  type: "tell",
  n,
  to,
  sealed,
});
const mailOf = (client: Client) => client.lines().filter(({ type }) => type === "private");
const box = (chars: number) => ({ key: keyOf("laptop"), box: "x".repeat(chars) });
const refusalOf = (client: Client) => client.lines().find(({ type }) => type === "error");

test("reach the owner's devices unchanged, and wait for those that are offline", () => {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk");
  const bob = owner(rig, "Bob", "laptop");
  ann.send(tell(1, ["bob"], sealedFor("laptop", "phone")));
  expect(ann.lines().at(-1)).toEqual({ type: "ack", n: 1 });
  const first = {
    from: "Ann",
    to: ["Bob"],
    text: expect.stringContaining("a sealed message"),
    sealed: sealedFor("laptop", "phone"),
  };
  expect(mailOf(bob)).toEqual([expect.objectContaining(first)]);
  bob.close("quit");
  ann.send(tell(2, ["Bob"], sealedFor("laptop")));
  const again = mailOf(withKey(rig, "Bob", "laptop"));
  expect(again.slice(-1)).toEqual([
    expect.objectContaining({ ...first, to: ["Bob"], sealed: sealedFor("laptop") }),
  ]);
});

test("go to one user, never to a room", () => {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk");
  const [bob, cal] = [rig.member("Bob"), rig.member("Cal")];
  for (const [i, to] of [["Bob", "Cal"], ["ALL"], ["all"]].entries()) {
    ann.send(tell(i + 1, to, sealedFor("laptop")));
    expect(refusalOf(ann)).toMatchObject({ code: "text-invalid", n: i + 1 });
  }
  // The counter continues.
  ann.send(tell(4, ["Bob"], sealedFor("laptop")));
  expect(refusalOf(ann)).toBeUndefined();
  expect([mailOf(bob).length, mailOf(cal).length]).toEqual([1, 0]);
});

test("are limited in size", () => {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk");
  rig.member("Bob");
  const withBoxes = (boxes: object[]) => tell(1, ["Bob"], { key: keyOf("desk"), boxes });
  const bad = [
    withBoxes([]),
    withBoxes(Array.from({ length: limits.maxBoxes + 1 }, () => box(1))),
    withBoxes([box(limits.maxChars), box(1)]),
    withBoxes([{ key: "short", box: "x" }]),
    withBoxes([{ key: keyOf("laptop"), box: "not base64url!" }]),
    tell(1, ["Bob"], { key: "short", boxes: [box(1)] }),
  ];
  for (const message of bad) {
    ann.send(message);
    expect(refusalOf(ann)).toMatchObject({ code: "protocol", n: 1 });
  }
  ann.send(withBoxes([box(limits.maxChars)]));
  expect(ann.lines().at(-1)).toEqual({ type: "ack", n: 1 });
});

describe("copies for the sender's own devices", () => {
  const copies = [{ key: keyOf("phone"), box: "copy_for_phone" }];
  const withCopies = (n: number, to: string) => ({ ...tell(n, [to], sealedFor("laptop")), copies });

  test("reach them, connected or not, and nobody else", () => {
    const rig = new Rig();
    const ann = owner(rig, "Ann", "desk");
    const bob = owner(rig, "Bob", "laptop");
    ann.send({ type: "device-code", ref: 1 });
    const code = String(ann.lines().find(({ type }) => type === "device-code")?.["code"]);
    const phone = withKey(rig, "Guest", "phone").send({ type: "link", code, label: "phone" });
    phone.close("quit");
    ann.send(withCopies(1, "Bob"));
    const expected = {
      type: "private",
      mail: 1,
      time: rig.nowMs,
      from: "Ann",
      to: ["Bob"],
      text: expect.stringContaining("a sealed message"),
      sealed: { key: keyOf("desk"), boxes: copies },
      own: true,
    };
    // It waits like all mail.
    const here = withKey(rig, "Ann", "phone");
    expect(mailOf(here)).toEqual([expected]);
    ann.lines();
    ann.send(withCopies(2, "Bob"));
    expect(mailOf(here)).toEqual([{ ...expected, mail: 2 }]);
    expect(mailOf(ann)).toEqual([{ ...expected, mail: 2 }]);
    const received = bob.text();
    expect(received).toContain("box_for_laptop");
    expect(received).not.toContain("copy_for_phone");
    expect(received).not.toContain('"own"');
  });

  test("are not shown in other dialects, and not kept for unregistered senders", () => {
    const rig = new Rig();
    owner(rig, "Bob", "laptop");
    const guest = rig.member("Guest");
    guest.send(withCopies(1, "Bob"));
    expect(mailOf(guest)).toEqual([]);
    const ann = owner(rig, "Ann", "desk");
    ann.send({ type: "set-password", password: "correct horse" });
    const old = rig.client(chatRoom, true).send("Ann", "correct horse");
    old.text();
    ann.send(withCopies(1, "Bob"));
    expect(old.text()).toBe("");
    ann.send({ type: "tell", n: 2, to: ["Ann"], text: "to myself" });
    expect(old.text()).toContain("to myself");
  });

  test("count against the same limits, and need a sealed message", () => {
    const rig = new Rig();
    const ann = owner(rig, "Ann", "desk");
    const bob = rig.member("Bob");
    const sealed = { key: keyOf("desk"), boxes: [box(limits.maxChars - 10)] };
    for (const bad of [[], Array.from({ length: limits.maxBoxes + 1 }, () => box(0)), [box(11)]]) {
      ann.send({ type: "tell", to: ["Bob"], sealed, copies: bad });
      expect(refusalOf(ann)).toMatchObject({ code: "protocol" });
    }
    ann.send({ type: "tell", to: ["Bob"], sealed, copies: [box(10)] });
    ann.send({ type: "tell", to: ["Bob"], text: "open", copies });
    expect(mailOf(bob)).toHaveLength(2);
    expect(mailOf(ann)).toHaveLength(1);
  });
});

test("appear as a sentence in other dialects", () => {
  const rig = new Rig();
  const ann = owner(rig, "Ann", "desk");
  const old = [rig.client(chatRoom, true).send("Cal"), rig.client(selectChat, true).send("Dan")];
  for (const client of old) client.text();
  ann.send(tell(1, ["Cal"], sealedFor("laptop")), tell(2, ["Dan"], sealedFor("laptop")));
  for (const client of old) {
    const text = client.text();
    expect(text).toContain("(a sealed message: parley client can read it");
    expect(text).not.toContain("box_for");
  }
});
