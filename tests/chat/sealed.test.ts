// Sealed messages through the hub: relayed unchanged to one user, online or offline, and reported
// as sealed to clients that can't open them.

import { expect, test } from "bun:test";
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
