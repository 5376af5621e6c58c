// What counts against a sender's rate: every recipient, and every line by its length.

import { expect, test } from "bun:test";
import { message as limits } from "../../src/limits.ts";
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
