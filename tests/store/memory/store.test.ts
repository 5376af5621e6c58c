// The store in memory: the contract, and its limits in bytes.

import { describe, expect, spyOn, test } from "bun:test";
import { openMemoryStore } from "../../../src/store/memory/store.ts";
import type { Retention } from "../../../src/store/retention.ts";
import { localBackend } from "../asked-store.ts";
import { mail, sweepAll, update, Writer } from "../batches.ts";
import { storeContract } from "../store.contract.ts";

storeContract("memory", (retention, clock) => localBackend(openMemoryStore({ retention, clock })));

describe("memory", () => {
  let nowMs = 1_000;
  const open = (retention: Partial<Retention>) => {
    nowMs = 1_000;
    const store = openMemoryStore({ retention, clock: () => nowMs });
    return { store, writer: new Writer(store) };
  };
  const long = ["x".repeat(5_000)];

  test("each store has its own epoch", () => {
    expect(openMemoryStore().epoch).not.toBe(openMemoryStore().epoch);
  });

  test("a room of long messages keeps the newest that fit its bytes", () => {
    const { store, writer } = open({ roomBytes: 200_000 });
    for (let seq = 1; seq <= 500; seq++) writer.say("a", long);
    const kept = store.rooms.after("a", 0, 1_000);
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.length).toBeLessThan(41);
    expect(kept.at(-1)?.seq).toBe(500);
    expect(kept[0]?.seq).toBe(store.rooms.bounds("a").first);
  });

  test("all rooms together keep as much as fits; quiet ones lose their history, not their numbers", () => {
    const { store, writer } = open({ totalBytes: 300_000 });
    for (let room = 0; room < 50; room++) {
      for (let i = 0; i < 5; i++) writer.say(`r${room}`, long);
      writer.say("busy");
    }
    expect(store.rooms.after("r0", 0, 9)).toEqual([]);
    expect(store.rooms.bounds("r0").last).toBe(5);
    expect(store.rooms.after("r49", 0, 9)).toHaveLength(5);
    expect(store.rooms.after("busy", 0, 99)).toHaveLength(50);
  });

  test("a room in use keeps its history, but the largest loses its oldest if nothing else is left", () => {
    const { store, writer } = open({ totalBytes: 300_000 });
    store.isInUse = (room) => room !== "empty";
    for (const room of ["lobby", "empty"]) for (let i = 0; i < 5; i++) writer.say(room, long);
    for (let i = 0; i < 100; i++) writer.say("flood", long);
    expect(store.rooms.after("lobby", 0, 9)).toHaveLength(5);
    expect(store.rooms.after("empty", 0, 9)).toEqual([]);
    const kept = store.rooms.after("flood", 0, 200);
    expect(kept.at(-1)?.seq).toBe(100);
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.length).toBeLessThan(60);
  });

  test("with more rooms than fit, the quietest of equals is dropped immediately", () => {
    const { store, writer } = open({ rooms: 10 });
    for (let room = 0; room < 100; room++) writer.say(`r${room}`, 2);
    expect(store.rooms.after("r89", 0, 9)).toEqual([]);
    expect(store.rooms.after("r90", 0, 9)).toHaveLength(2);
  });

  test("mail keeps the newest messages that fit its bytes", () => {
    const { store, writer } = open({ mailBytes: 50_000 });
    for (let i = 0; i < 100; i++) {
      writer.commit({ mail: [mail(`s${i % 2}`, "x".repeat(1_000))] });
    }
    for (const session of ["s0", "s1"]) {
      const kept = store.mailboxes.after(session, 0, 99);
      expect(kept.length).toBeGreaterThan(20);
      expect(kept.length).toBeLessThan(25);
      expect(kept.at(-1)?.mail).toBe(50);
    }
  });

  test("the largest mailboxes lose messages of their busiest sender, and nobody else loses anything", () => {
    const { store, writer } = open({ mailBytes: 100_000 });
    const flooded = Array.from({ length: 8 }, (_, i) => `m${i}`);
    for (let i = 0; i < 20; i++) writer.commit({ mail: [mail("bob", "x".repeat(100))] });
    for (const session of flooded) writer.commit({ mail: [mail(session, "hello")] });
    for (let i = 1; i <= 500; i++) {
      writer.commit({ mail: flooded.map((to) => mail(to, "x".repeat(1_000), { from: "M" })) });
    }
    expect(store.mailboxes.after("bob", 0, 99)).toHaveLength(20);
    for (const session of flooded) {
      const kept = store.mailboxes.after(session, 0, 99);
      expect(kept[0]).toMatchObject({ mail: 1, text: "hello" });
      expect(kept.at(-1)?.mail).toBe(501);
      expect(kept.length).toBeGreaterThan(5);
    }
    // Age still deletes everything.
    nowMs = 1e13;
    sweepAll(store);
    for (const session of ["bob", "m0", "m7"]) {
      expect(store.mailboxes.after(session, 0, 99)).toEqual([]);
    }
  });

  test("past the limit of all mailboxes, a network loses only its own messages, in any mailbox", () => {
    const { store, writer } = open({ mailBytes: 100_000 });
    for (let i = 0; i < 20; i++) writer.commit({ mail: [mail("bob", "x".repeat(1_000))] });
    for (let i = 0; i < 400; i++) {
      const fields = { from: `M${i}`, network: `2001:db8:1:${i.toString(16)}::/64` };
      writer.commit({ mail: [mail(`m${i}`, "x".repeat(1_000), fields)] });
    }
    expect(store.mailboxes.after("bob", 0, 99)).toHaveLength(20);
    const kept = (): number =>
      Array.from({ length: 400 }, (_, i) => store.mailboxes.after(`m${i}`, 0, 9).length).reduce(
        (sum, length) => sum + length,
      );
    const afterFlood = kept();
    expect(afterFlood).toBeGreaterThan(50);
    expect(afterFlood).toBeLessThan(80);
    // Deleted mailboxes are accounted for, too.
    for (let i = 0; i < 1_000; i++) {
      writer.commit({ sessions: [update(`s${i}`)], mail: [mail(`s${i}`, "x".repeat(1_000))] });
    }
    expect(kept()).toBeGreaterThan(40);
    expect(store.mailboxes.after("s999", 0, 99)).toHaveLength(1);
    expect(store.mailboxes.after("s0", 0, 99)).toEqual([]);
  });

  test("thousands of private messages to one reader leave no trace beyond the limit", () => {
    const { store, writer } = open({ mailMessages: 3 });
    for (let i = 1; i <= 20_000; i++) writer.commit({ mail: [mail("s", "psst")] });
    const kept = store.mailboxes.after("s", 0, 9);
    expect(kept.map(({ mail: number }) => number)).toEqual([19_998, 19_999, 20_000]);
  });

  test("an excess of sessions is trimmed without a sweep", () => {
    const { store, writer } = open({ sessions: 100 });
    for (nowMs = 1; nowMs <= 1_000; nowMs++) {
      writer.commit({ sessions: [update(`s${nowMs}`, { seenMs: nowMs })] });
    }
    expect(store.sessions.load("s1")).toBeUndefined();
    expect(store.sessions.load("s887")).toBeUndefined();
    expect(store.sessions.load("s1000")).toBeDefined();
    expect(store.sessions.find("ann", 0)?.id).toBe("s1000");
  });

  test("mailboxes of accounts are no excess: sessions are not ranked because of them", () => {
    const { writer } = open({ sessions: 10 });
    const letters = Array.from({ length: 100 }, (_, i) => mail(`@account${i}`, "hello"));
    writer.commit({ mail: letters });
    const ranking = spyOn(Array.prototype, "sort");
    for (let i = 0; i < 10; i++) writer.commit({ sessions: [update(`s${i}`)] });
    const rankings = ranking.mock.calls.length;
    ranking.mockRestore();
    expect(rankings).toBe(0);
  });
});
