// Slow readers together: their backlog is bounded, and none of them stalls forever.

import { expect, test } from "bun:test";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { message, output } from "../../src/limits.ts";
import { keptBy } from "./inspect.ts";
import { type Client, Rig } from "./rig.ts";

const MiB = 1024 * 1024;
const isDropped = (client: Client) => client.session.phase === "ending";

/** A room with a long history and many members that have stopped reading. */
function crowd(size: number) {
  const rig = new Rig();
  const ann = rig.member("Ann");
  for (let n = 1; n <= 100; n++) {
    ann.send({ type: "say", room: "lobby", n, text: "x".repeat(message.maxTextChars) });
    ann.link.sends = [];
  }
  const readers = Array.from({ length: size }, (_, i) => {
    const reader = rig.member(`r${i}`);
    reader.link.capacity = 0;
    return reader;
  });
  return { rig, ann, readers };
}

test("the slowest readers are dropped when the total backlog is too large", () => {
  const { rig, readers } = crowd(90);
  for (const [i, reader] of readers.entries()) {
    for (let page = 0; page < 3 * ((i % 3) + 1); page++)
      reader.send({ type: "history", room: "lobby" });
    expect(keptBy(rig.hub).backlogBytes).toBeLessThanOrEqual(output.maxBacklogBytes);
  }
  rig.settle();
  const dropped = readers.filter(isDropped);
  expect(dropped.length).toBeGreaterThan(0);
  expect(readers.filter((_, i) => i % 3 === 0).some(isDropped)).toBe(false);
  for (const reader of readers) reader.close();
  expect(keptBy(rig.hub).backlogBytes).toBe(0);
});

test("bytes that a whole room waits for are stored once, and drop nobody", () => {
  const { rig, ann, readers } = crowd(100);
  for (let n = 101; n <= 230; n++) {
    ann.send({ type: "say", room: "lobby", n, text: "x".repeat(message.maxTextChars) });
    ann.link.sends = [];
  }
  const lag = readers.reduce((sum, { session }) => sum + session.output.lagBytes, 0);
  expect(lag).toBeGreaterThan(output.maxBacklogBytes);
  expect(keptBy(rig.hub).backlogBytes).toBeLessThan(4 * MiB);
  expect(readers.some(isDropped)).toBe(false);
});

test("a reader that reads nothing for a minute is dropped, one that reads a little stays", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const [deaf, slow] = [rig.client(openChat).send("Deaf"), rig.client(openChat).send("Slow")];
  for (const client of [deaf, slow]) client.link.capacity = 0;
  ann.send({ type: "say", room: "lobby", n: 1, text: "x".repeat(1_000) });
  for (let waitedMs = 0; waitedMs <= output.stallMs; waitedMs += 10_000) {
    rig.pass(10_000, 500);
    ann.send({ type: "ping" });
    slow.link.capacity = 1;
    rig.hub.handleDrain(slow.session, rig.nowMs);
  }
  expect([deaf, slow].map(isDropped)).toEqual([true, false]);
  expect(rig.hub.options.metrics.slowReadersDropped).toBe(1);
});
