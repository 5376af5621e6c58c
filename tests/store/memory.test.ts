// The history in memory: the contract, and the bounds in bytes that only memory has.

import { describe, expect, test } from "bun:test";
import { openMemoryHistory } from "../../src/store/memory.ts";
import { historyContract } from "./history.contract.ts";
import { emptyTurn, mail, record, says, tidyAll } from "./turns.ts";

historyContract("memory", (retention = {}) => openMemoryHistory({ retention }));

describe("memory", () => {
  test("each store has an epoch of its own", () => {
    expect(openMemoryHistory().epoch).not.toBe(openMemoryHistory().epoch);
  });

  test("a room of long messages keeps what fits its bytes, the newest", () => {
    const store = openMemoryHistory({ retention: { roomBytes: 200_000 } });
    for (let seq = 1; seq <= 500; seq++)
      store.append(says("a", seq, seq, { text: "x".repeat(5_000) }));
    const kept = store.after("a", 0, 1_000);
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.length).toBeLessThan(41);
    expect(kept.at(-1)?.seq).toBe(500);
    expect(kept[0]?.seq).toBe(store.firstSeq("a"));
  });

  test("all rooms together keep what fits; the quiet ones lose their past, not their numbers", () => {
    const store = openMemoryHistory({ retention: { totalBytes: 300_000 } });
    for (let room = 0; room < 50; room++) {
      for (let seq = 1; seq <= 5; seq++) {
        store.append(says(`r${room}`, seq, seq, { text: "x".repeat(5_000) }));
      }
      store.append(says("busy", room + 1, room + 1));
    }
    expect(store.after("r0", 0, 9)).toEqual([]);
    expect(store.lastSeq("r0")).toBe(5);
    expect(store.after("r49", 0, 9)).toHaveLength(5);
    expect(store.after("busy", 0, 99)).toHaveLength(50);
  });

  test("where somebody is the past stays, but the room with the most loses its oldest if nothing else is left", () => {
    const store = openMemoryHistory({ retention: { totalBytes: 300_000 } });
    store.isInUse = (room) => room !== "empty";
    const text = "x".repeat(5_000);
    store.append(says("lobby", 1, 5, { text }));
    store.append(says("empty", 1, 5, { text }));
    for (let seq = 1; seq <= 100; seq++) store.append(says("flood", seq, seq, { text }));
    expect(store.after("lobby", 0, 9)).toHaveLength(5);
    expect(store.after("empty", 0, 9)).toEqual([]);
    const kept = store.after("flood", 0, 200);
    expect(kept.at(-1)?.seq).toBe(100);
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.length).toBeLessThan(60);
  });

  test("more rooms than fit: of equals the quietest is forgotten at once", () => {
    const store = openMemoryHistory({ retention: { rooms: 10 } });
    for (let room = 0; room < 100; room++) store.append(says(`r${room}`, 1, 2));
    expect(store.after("r89", 0, 9)).toEqual([]);
    expect(store.after("r90", 0, 9)).toHaveLength(2);
  });

  test("mail keeps what fits its bytes, the newest of all", () => {
    const store = openMemoryHistory({ retention: { mailBytes: 50_000 } });
    for (let i = 1; i <= 100; i++) {
      const session = `s${i % 2}`;
      const message = mail(Math.ceil(i / 2), { text: "x".repeat(1_000) });
      store.append({ ...emptyTurn, mail: [{ session, message }] });
    }
    const kept = [store.mailAfter("s0", 0, 99), store.mailAfter("s1", 0, 99)];
    for (const box of kept) {
      expect(box.length).toBeGreaterThan(20);
      expect(box.length).toBeLessThan(25);
      expect(box.at(-1)?.mail).toBe(50);
    }
  });

  test("who gets the most mail loses it, nobody else, however old", () => {
    const store = openMemoryHistory({ retention: { mailBytes: 100_000 } });
    const send = (session: string, i: number, chars: number) => {
      const message = mail(i, { text: "x".repeat(chars) });
      store.append({ ...emptyTurn, mail: [{ session, message }] });
    };
    for (let i = 1; i <= 20; i++) send("bob", i, 100);
    for (let i = 1; i <= 500; i++) for (let box = 0; box < 8; box++) send(`m${box}`, i, 1_000);
    expect(store.mailAfter("bob", 0, 99)).toHaveLength(20);
    for (let box = 0; box < 8; box++) {
      const kept = store.mailAfter(`m${box}`, 0, 99);
      expect(kept.at(-1)?.mail).toBe(500);
      expect(kept.length).toBeGreaterThan(5);
    }
    // Age still takes all of it.
    tidyAll(store, 1e13);
    for (const session of ["bob", "m0", "m7"]) expect(store.mailAfter(session, 0, 99)).toEqual([]);
  });

  test("a million letters to one reader leave no trace beyond the bound", () => {
    const store = openMemoryHistory({ retention: { mailMessages: 3 } });
    for (let i = 1; i <= 20_000; i++) {
      store.append({ ...emptyTurn, mail: [{ session: "s", message: mail(i) }] });
    }
    expect(store.mailAfter("s", 0, 9).map(({ mail }) => mail)).toEqual([19_998, 19_999, 20_000]);
  });

  test("a crowd of sessions is cut back without anybody tidying", () => {
    const store = openMemoryHistory({ retention: { sessions: 100 } });
    for (let i = 1; i <= 1_000; i++) {
      store.append({ ...emptyTurn, sessions: [record(`s${i}`, { seenMs: i })] });
    }
    expect(store.session("s1")).toBeUndefined();
    expect(store.session("s887")).toBeUndefined();
    expect(store.session("s1000")).toBeDefined();
    expect(store.sessionNamed("ann", 0)?.id).toBe("s1000");
  });
});
