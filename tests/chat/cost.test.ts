// What counts against a sender's rate: every recipient, and every line by its length.

import { expect, test } from "bun:test";
import { message as limits } from "../../src/limits.ts";
import { ircAt } from "../dialects/irc/rig.ts";
import { FailingStore } from "./failing-store.ts";
import { type Client, Rig } from "./rig.ts";

const errors = (client: Client) =>
  client
    .lines()
    .filter(({ type }) => type === "error")
    .map(({ code }) => code);
const strangers = Array.from({ length: limits.maxRecipients }, (_, i) => `nobody${i}`);

/** Ann, with a full budget. */
function ann(messagesPerSecond: number, bytesPerSecond: number, store = new FailingStore()) {
  const rig = new Rig({ rates: { messagesPerSecond, bytesPerSecond } }, store.answer);
  const client = rig.member("Ann");
  rig.pass(10_000, 1_000);
  client.text();
  return { rig, client };
}

test("a private message is charged per recipient, which bounds name lookups", () => {
  const store = new FailingStore();
  const { rig, client } = ann(limits.maxRecipients, 1e6, store);
  let lookups = 0;
  store.asked = ({ type }) => {
    if (type === "find-name") lookups++;
  };
  const tell = { type: "tell", to: strangers, text: "x" };
  client.send(...Array.from({ length: 20 }, () => tell));
  // A burst of four seconds.
  expect(lookups).toBe(4 * limits.maxRecipients);
  rig.pass(2_500);
  expect(lookups).toBe(7 * limits.maxRecipients);
});

test("its text is charged per recipient too", () => {
  const { client } = ann(1_000, 10_000);
  client.send({ type: "tell", to: ["Bob", "Cal", "Dan", "Eve"], text: "x".repeat(10_001) });
  client.send({ type: "ping" });
  expect(errors(client)).toContain("rate");
});

test("a line is charged for its whole length", () => {
  const { client } = ann(1_000, 10_000);
  client.send({ type: "ping", padding: "x".repeat(40_000) });
  expect(errors(client)).toEqual([]);
  client.send({ type: "ping" });
  expect(errors(client)).toEqual(["rate"]);
});

/** How many of these requests in a row are answered before the rate refuses one; at most 100. */
function answered(rig: Rig, asker: Client, request: object | string): number {
  rig.pass(10_000, 1_000);
  asker.text();
  for (let i = 0; i < 100; i++) {
    if (/"rate"|Too fast/.test(asker.send(request).text())) return i;
  }
  return 100;
}

test("work that an answer does not show is charged too", () => {
  const { rig, client } = ann(1_000, 10_000);
  for (let i = 0; i < 60; i++) {
    const rooms = Array.from({ length: 16 }, (_, k) => ({ room: `room${i}-${k}` }));
    rig.member(`M${i}`, { rooms });
  }
  // Every room is examined, also for a page without any.
  const rooms = { type: "rooms", after: "zzz" };
  expect(answered(rig, client, rooms)).toBeLessThan(5);
  // Every name is sorted, if the room has changed since.
  const names = { type: "who", room: "lobby", after: "zzz" };
  expect(answered(rig, client, names)).toBe(100);
  let count = 0;
  rig.pass(10_000, 1_000);
  for (; count < 300; count++) {
    rig.member(`New${count}`).text();
    if (client.send(names).text().includes('"rate"')) break;
  }
  expect(count).toBeLessThan(300);
});

test("an answer of many rows is charged for them", () => {
  const { rig, client } = ann(1_000, 10_000);
  expect(answered(rig, client, { type: "admin", command: "help" })).toBeLessThan(20);
  rig.hub.options.rights.rooms.setMotd("x".repeat(4_000));
  const { client: eve } = ircAt(rig, "Eve");
  expect(answered(rig, eve, "MOTD")).toBeLessThan(20);
  for (let i = 0; i < 100; i++) ircAt(rig, "Once").client.send("QUIT");
  expect(answered(rig, eve, "WHOWAS Once")).toBeLessThan(20);
  rig.pass(10_000, 1_000);
  eve.send(`MONITOR + ${Array.from({ length: 60 }, (_, i) => `name${i}`).join(",")}`);
  expect(answered(rig, eve, "MONITOR L")).toBeLessThan(40);
  expect(answered(rig, eve, "MONITOR S")).toBeLessThan(40);
});
