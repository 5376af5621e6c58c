// The contract of every store; each implementation's test file runs it.

import { afterEach, describe, expect, test } from "bun:test";
import { deletedText } from "../../src/protocol/messages.ts";
import * as fc from "fast-check";
import { accountMailbox, accountMark } from "../../src/chat/accounts/account-store.ts";
import { history, protocol } from "../../src/limits.ts";
import { retentionClock } from "../../src/store/retention-clock.ts";
import type { Retention } from "../../src/store/retention.ts";
import { registration } from "./accounts.contract.ts";
import { AskedStore, AskedWriter, type StoreBackend } from "./asked-store.ts";
import { logged, mail, run, texts, update } from "./batches.ts";
import { PlainStore } from "./plain-store.ts";
import { batchOf, expectSame, step } from "./random-batches.ts";

/** Opens a new, empty store. */
export type StoreMaker = (
  retention: Partial<Retention>,
  clock: () => number,
) => StoreBackend | Promise<StoreBackend>;

/**
 * Runs `body` while the store can't commit a batch with mail. Undefined for a store that never
 * fails.
 */
export type WhileFailing = (body: () => Promise<void>) => Promise<void>;

const seqs = (page: readonly { seq: number }[]) => page.map(({ seq }) => seq);

const dayMs = 24 * 3_600_000;

/**
 * `late`: how many messages before the last one that a client has it is told of deletions all the
 * same.
 */
export function storeContract(
  name: string,
  make: StoreMaker,
  whileFailing?: WhileFailing,
  late = 0,
): void {
  describe(`${name}: contract`, () => {
    let opened: AskedStore | undefined;
    /** The store's clock. */
    let nowMs = 1_000;
    afterEach(async () => {
      await opened?.close();
      opened = undefined;
      nowMs = 1_000;
    });

    async function open(
      retention: Partial<Retention> = {},
      clock: () => number = () => nowMs,
    ): Promise<{ store: AskedStore; writer: AskedWriter }> {
      await opened?.close();
      const store = new AskedStore(await make(retention, clock));
      opened = store;
      return { store, writer: new AskedWriter(store) };
    }

    test("a new store has an epoch and nothing else", async () => {
      const { store } = await open();
      expect(store.epoch).toMatch(/^.{16,32}$/);
      expect(await store.rooms.bounds("lobby")).toEqual({ first: 1, last: 0 });
      expect(await store.rooms.after("lobby", 0, 10)).toEqual([]);
      expect(await store.rooms.before("lobby", Infinity, 10)).toEqual([]);
      expect(await store.sessions.load("x")).toBeUndefined();
      expect(await store.sessions.find("ann", 0)).toBeUndefined();
      expect(await store.sessions.find("", 0)).toBeUndefined();
      expect(await store.mailboxes.after("x", 0, 10)).toEqual([]);
    });

    test("tells who has read so far what was erased since", async () => {
      const { store, writer } = await open();
      await writer.say("a", ["1", "2", "3"]);
      await writer.say("b", ["1"]);
      expect(await store.rooms.erase("a", 2)).toBe(true);
      await writer.say("a", ["4", "5"]);
      for (const seq of [5, 1, 5, 2]) expect(await store.rooms.erase("a", seq)).toBe(true);
      const told = [2, 3, 4, 5].map((since) => store.rooms.erasedSince("a", since));
      const [four, five] =
        late === 0
          ? [[1], [5, 1]]
          : [
              [2, 1],
              [2, 5, 1],
            ];
      expect(await Promise.all(told)).toEqual([[2, 1], [2, 1], four, five]);
      await writer.say("a", late + 1);
      expect(await store.rooms.erasedSince("a", late + 6)).toEqual([]);
      expect(await store.rooms.erasedSince("a", late + 5)).toEqual([5, 1]);
      expect(await store.rooms.erasedSince("b", 1)).toEqual([]);
      expect(await store.rooms.erasedSince("c", 1)).toBeOneOf([undefined, []]);
    });

    test("remembers a bounded number of erasures in each room", async () => {
      const { store, writer } = await open();
      await writer.say("b", 1);
      expect(await store.rooms.erase("b", 1)).toBe(true);
      const count = protocol.erasures + 10;
      await writer.say("a", count);
      for (let seq = 1; seq <= count; seq++) await store.rooms.erase("a", seq);
      const erased = await store.rooms.erasedSince("a", count);
      expect(erased).toEqual(Array.from({ length: protocol.erasures }, (_, i) => i + 11));
      expect(await store.rooms.erasedSince("b", 1)).toEqual([1]);
    });

    test("an erased message keeps its number, loses its text and says so, at any position in its turn", async () => {
      const { store, writer } = await open();
      const runs = [
        run("a", ["one", "two ünïcode 🎈", "three"], { from: "Ann", n: 5 }),
        run("a", ["four"], { from: "Bob", timeMs: 9 }),
      ];
      await writer.commit({ rooms: [{ room: "a", runs }] });
      await writer.commit({ rooms: [{ room: "a", runs: [run("a", ["x".repeat(5_000), "six"])] }] });
      const before = await store.rooms.after("a", 0, 99);
      for (const seq of [2, 4, 5]) expect(await store.rooms.erase("a", seq)).toBe(true);
      for (const seq of [0, 7, 99]) expect(await store.rooms.erase("a", seq)).toBe(false);
      expect(await store.rooms.erase("b", 1)).toBe(false);
      const gone = new Set([2, 4, 5]);
      const left = before.map((said) =>
        gone.has(said.seq) ? { ...said, text: deletedText, deleted: true as const } : said,
      );
      expect(await store.rooms.after("a", 0, 99)).toEqual(left);
      expect(await store.rooms.before("a", 3, 99)).toEqual(left.slice(0, 2));
      expect(await store.rooms.bounds("a")).toEqual({ first: 1, last: 6 });
      await writer.say("a", ["seven"]);
      const later = (await store.rooms.after("a", 4, 99)).map(({ text }) => text);
      expect(later).toEqual([deletedText, "six", "seven"]);
    });

    test("an empty text and one of a single character are not taken for erased, and can be", async () => {
      const { store, writer } = await open();
      await writer.commit({ rooms: [{ room: "a", runs: [run("a", ["", "x", "", deletedText])] }] });
      const before = await store.rooms.after("a", 0, 99);
      expect(before.map(({ deleted }) => deleted)).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
      ]);
      for (const seq of [1, 2]) expect(await store.rooms.erase("a", seq)).toBe(true);
      const left = await store.rooms.after("a", 0, 99);
      // An empty text has nothing to erase.
      expect(left.map(({ text }) => text)).toEqual(["", deletedText, "", deletedText]);
      expect(left.map(({ deleted }) => deleted)).toEqual([undefined, true, undefined, undefined]);
    });

    test("rights are kept by key: put, replaced and deleted, each change completely or not at all", async () => {
      const { store } = await open();
      expect(await store.rights.load()).toEqual([]);
      await store.rights.change([
        { key: "a/1", value: '{"text":"\\u0000 日 \'"}' },
        { key: "a/2", value: "{}" },
        { key: "b/1", value: "" },
      ]);
      await store.rights.change([]);
      await store.rights.change([
        { key: "a/2", value: '{"new":true}' },
        { key: "b/1", value: undefined },
        { key: "c/1", value: undefined },
      ]);
      const byKey = [...(await store.rights.load())].sort((a, b) => (a.key < b.key ? -1 : 1));
      expect(byKey).toEqual([
        { key: "a/1", value: '{"text":"\\u0000 日 \'"}' },
        { key: "a/2", value: '{"new":true}' },
      ]);
    });

    test("a right that is gone or different is not updated, and is returned", async () => {
      const { store } = await open();
      const before = ["a/1", "a/2"].map((key) => ({ key, value: key === "a/1" ? "{}" : "[1]" }));
      await store.rights.change(before);
      const keys = ["a/1", "a/2", "a/3"];
      const changes = keys.map((key) => ({ key, value: "[]", before: "{}" }));
      const [, other] = before;
      const outdated = [other!, { key: "a/3", value: undefined }];
      expect(await store.rights.change(changes)).toEqual(outdated);
      const byKey = [...(await store.rights.load())].sort((a, b) => (a.key < b.key ? -1 : 1));
      expect(byKey).toEqual([{ key: "a/1", value: "[]" }, other!]);
    });

    test("a right that is different is not deleted, and is returned; one that is gone is not", async () => {
      const { store } = await open();
      const before = ["a/1", "a/2"].map((key) => ({ key, value: key === "a/1" ? "{}" : "[1]" }));
      await store.rights.change(before);
      const keys = ["a/1", "a/2", "a/3"];
      const changes = keys.map((key) => ({ key, value: undefined, before: "{}" }));
      expect(await store.rights.change(changes)).toEqual([before[1]!]);
      expect(await store.rights.load()).toEqual([before[1]!]);
    });

    describe("rooms", () => {
      test("messages are returned unchanged, whatever they contain", async () => {
        const { store, writer } = await open();
        const runs = [
          run("lobby", ["plain", "", " "], { alias: "Änn", n: 1 }),
          run("lobby", ["", "\u{feff}日本 \u{1f600}"], { alias: "", n: 2 ** 52 }),
          run("lobby", [`'"\\`, '","', "\\u0041", "]}"], { from: 'Q"\\', alias: "\\" }),
          run("lobby", ["x"], { from: "[::1]:5", alias: "two words" }),
          run("lobby", ["x".repeat(16_384)], { timeMs: 1_763_700_000_000, n: 0 }),
          run("lobby", ["日".repeat(16_384)], { from: "日本" }),
        ];
        expect((await writer.commit({ rooms: [{ room: "lobby", runs }] })).rooms).toEqual([1]);
        expect(await store.rooms.after("lobby", 0, 99)).toEqual(logged(runs, 1));
        expect(await store.rooms.bounds("lobby")).toEqual({ first: 1, last: 12 });
      });

      test("the log numbers each room without gaps, in the order of the batch", async () => {
        const { store, writer } = await open();
        const a = [run("a", ["1", "2"]), run("a", ["3"], { from: "Bob" })];
        const b = [run("b", ["1"])];
        const both = [
          { room: "b", runs: b },
          { room: "a", runs: a },
        ];
        expect((await writer.commit({ rooms: both })).rooms).toEqual([1, 1]);
        expect((await writer.commit({ rooms: both })).rooms).toEqual([2, 4]);
        expect((await writer.commit({ rooms: [] })).rooms).toEqual([]);
        expect(await store.rooms.after("a", 0, 9)).toEqual([...logged(a, 1), ...logged(a, 4)]);
        expect(await store.rooms.after("b", 0, 9)).toEqual([...logged(b, 1), ...logged(b, 2)]);
      });

      test("after and before return a page, ascending, from the correct end", async () => {
        const { store, writer } = await open();
        for (let batch = 0; batch < 20; batch++) await writer.say("lobby", 5);
        expect(seqs(await store.rooms.after("lobby", 97, 10))).toEqual([98, 99, 100]);
        expect(seqs(await store.rooms.after("lobby", 39, 4))).toEqual([40, 41, 42, 43]);
        expect(seqs(await store.rooms.before("lobby", 42, 4))).toEqual([38, 39, 40, 41]);
        expect(seqs(await store.rooms.before("lobby", Infinity, 2))).toEqual([99, 100]);
        expect(seqs(await store.rooms.before("lobby", 3, 10))).toEqual([1, 2]);
        expect(seqs(await store.rooms.after("lobby", 100, 10))).toEqual([]);
        expect(seqs(await store.rooms.after("lobby", 1_000, 10))).toEqual([]);
        expect(seqs(await store.rooms.before("lobby", 1, 10))).toEqual([]);
        expect(seqs(await store.rooms.after("lobby", 3, 0))).toEqual([]);
        expect(seqs(await store.rooms.after("den", 0, 10))).toEqual([]);
      });

      test("a batch of thousands reads like any other", async () => {
        const { store, writer } = await open();
        const runs = [run("lobby", texts(5_000)), run("lobby", ["x".repeat(9)], { from: "Bob" })];
        await writer.commit({ rooms: [{ room: "lobby", runs }] });
        const all = logged(runs, 1);
        expect(await store.rooms.after("lobby", 4_321, 2)).toEqual(all.slice(4_321, 4_323));
        expect(await store.rooms.before("lobby", 257, 500)).toEqual(all.slice(0, 256));
        expect(await store.rooms.after("lobby", 0, 10_000)).toEqual(all);
      });

      test("committing a batch again under its number logs it once and returns the same numbers", async () => {
        const { store, writer } = await open();
        await writer.say("lobby", 3);
        const batch = {
          number: 7,
          rooms: [{ room: "lobby", runs: [run("lobby", ["a", "b"])] }],
          mail: [mail("s1", "psst")],
          sessions: [update("s1", { n: 2 })],
        };
        const committed = { rooms: [4], mail: [1] };
        expect(await store.commit(batch)).toEqual(committed);
        expect(await store.commit(batch)).toEqual(committed);
        expect((await store.rooms.bounds("lobby")).last).toBe(5);
        expect(await store.mailboxes.after("s1", 0, 9)).toHaveLength(1);
        expect((await store.sessions.load("s1"))?.mail).toBe(1);
        expect(await store.commit({ ...batch, number: 8 })).toEqual({ rooms: [6], mail: [2] });
      });

      test("committing a batch older than the last one is a bug in the caller", async () => {
        const { store, writer } = await open();
        await writer.say("lobby");
        await writer.say("lobby");
        const late = { number: 1, rooms: [], mail: [], sessions: [] };
        expect(store.commit(late)).rejects.toThrow("Batch 1 comes after batch 2");
      });

      test("a room keeps exactly the newest messages, even if the cut is within a batch", async () => {
        const { store, writer } = await open({ messages: 50 });
        for (let batch = 0; batch < 29; batch++) await writer.say("lobby", 7);
        const kept = { first: 203 - 50 + 1, last: 203 };
        expect(await store.rooms.bounds("lobby")).toEqual(kept);
        expect(await store.rooms.after("lobby", 0, 1_000)).toHaveLength(50);
        expect((await store.rooms.before("lobby", 160, 1_000))[0]?.seq).toBe(154);
        await store.sweepAll();
        expect(await store.rooms.bounds("lobby")).toEqual(kept);
        expect(await store.rooms.after("lobby", 0, 1_000)).toHaveLength(50);
        expect(await writer.say("lobby", 60)).toBe(204);
        expect(await store.rooms.bounds("lobby")).toEqual({ first: 214, last: 263 });
      });

      test("messages over the maximum age are deleted in whole batches, their numbers stay used", async () => {
        const { store, writer } = await open({ maxAgeMs: 1_000 });
        for (nowMs of [1_000, 1_600, 2_200]) await writer.say("lobby", 500);
        nowMs = 2_000;
        await store.sweepAll();
        expect((await store.rooms.bounds("lobby")).first).toBe(1);
        nowMs = 2_001;
        await store.sweepAll();
        expect((await store.rooms.bounds("lobby")).first).toBe(501);
        expect((await store.rooms.after("lobby", 0, 1))[0]?.seq).toBe(501);
        nowMs = 1_000_000;
        await store.sweepAll();
        expect(await store.rooms.bounds("lobby")).toEqual({ first: 1_501, last: 1_500 });
        expect(await store.rooms.after("lobby", 0, 10)).toEqual([]);
        expect(await writer.say("lobby", 2)).toBe(1_501);
        expect(await store.rooms.after("lobby", 0, 10)).toHaveLength(2);
      });

      test("too many rooms: an empty one is dropped, and no number is used twice", async () => {
        const { store, writer } = await open({ rooms: 3, maxAgeMs: 1_000 });
        for (const room of ["a", "b", "c"]) await writer.say(room, 10);
        nowMs = 1_000_000;
        await store.sweepAll();
        expect(await writer.say("d")).toBe(1);
        await store.sweepAll();
        expect(await store.rooms.bounds("a")).toEqual({ first: 11, last: 10 });
        expect(await writer.say("a")).toBe(11);
        expect((await store.rooms.after("a", 0, 10)).map(({ seq }) => seq)).toEqual([11]);
        expect((await store.rooms.bounds("d")).last).toBe(1);
      });

      test("too many rooms, all with history: the quietest is dropped completely", async () => {
        const { store, writer } = await open({ rooms: 60 });
        for (let room = 0; room < 60; room++) {
          await writer.say(`r${room}`, 600, { timeMs: 10_000 + room });
        }
        // The oldest of all has a new message.
        await writer.say("r0", 1, { timeMs: 20_000 });
        for (let room = 60; room < 100; room++) {
          await writer.say(`r${room}`, 600, { timeMs: 20_000 + room });
          await store.sweepAll();
        }
        const kept: number[] = [];
        for (let room = 0; room < 100; room++) {
          if ((await store.rooms.after(`r${room}`, 0, 9)).length > 0) kept.push(room);
        }
        expect(kept).toEqual([0, ...Array.from({ length: 59 }, (_, i) => 41 + i)]);
        expect((await store.rooms.bounds("r1")).last).toBe(600);
        expect((await store.rooms.bounds("r0")).last).toBe(601);
        expect(await writer.say("r1")).toBe(601);
        expect((await store.rooms.after("r1", 0, 9)).map(({ seq }) => seq)).toEqual([601]);
      });

      test("too many rooms: a flood of new ones takes nothing from rooms that are in use or large", async () => {
        const { store, writer } = await open({ rooms: 5 });
        await store.setInUse(["lobby"]);
        await writer.say("lobby", 3, { timeMs: 10_000 });
        await writer.say("much", 20, { timeMs: 10_000 });
        for (let room = 0; room < 40; room++) {
          await writer.say(`r${room}`, 5, { timeMs: 10_001 + room });
          await store.sweepAll();
        }
        expect(await store.rooms.after("lobby", 0, 99)).toHaveLength(3);
        expect(await store.rooms.after("much", 0, 99)).toHaveLength(20);
        const others: number[] = [];
        for (let i = 0; i < 40; i++) {
          others.push((await store.rooms.after(`r${i}`, 0, 9)).length);
        }
        expect(others.filter((length) => length > 0)).toHaveLength(3);
        expect(others.at(-1)).toBe(5);
      });
    });

    describe("sessions and names", () => {
      test("sessions are returned as written, each in its latest state", async () => {
        const { store, writer } = await open();
        const bob = update("s2", { name: "bob", network: "2001:db8:0:1::/64" });
        await writer.commit({ sessions: [update("s1"), bob] });
        const later = update("s1", { n: 7, network: "", seenMs: 2_000 });
        await writer.commit({ sessions: [later] });
        expect(await store.sessions.load("s1")).toEqual({ ...later, mail: 0 });
        expect(await store.sessions.load("s2")).toEqual({ ...bob, mail: 0 });
      });

      test("every field of a record is written, even if nothing else has changed", async () => {
        const { store, writer } = await open();
        const [refused, more] = [{ refused: "1-1:muted" }, { refused: "1-2:muted" }];
        const unrefused = { refused: undefined };
        const changes = [
          { n: 1 },
          refused,
          more,
          unrefused,
          refused,
          { name: "anna" },
          { network: "x" },
          { seenMs: 1_001 },
          { n: 0 },
        ];
        const record = update("s1");
        await writer.commit({ sessions: [record] });
        for (const change of changes) {
          Object.assign(record, change);
          await writer.commit({ sessions: [record] });
          expect(await store.sessions.load("s1")).toEqual({ ...record, mail: 0 });
        }
      });

      test("a name finds the session seen last, until it has said goodbye", async () => {
        const { store, writer } = await open();
        const old = update("s1", { seenMs: 5 });
        const young = update("s2", { seenMs: 9 });
        await writer.commit({ sessions: [old, young] });
        expect(await store.sessions.find("ann", 0)).toEqual({ ...young, mail: 0 });
        expect(await store.sessions.find("ann", 10)).toBeUndefined();
        await writer.commit({ sessions: [{ ...young, name: "", n: 1 }] });
        expect(await store.sessions.find("ann", 0)).toEqual({ ...old, mail: 0 });
        expect(await store.sessions.find("ann", 6)).toBeUndefined();
        await writer.commit({ sessions: [{ ...old, name: "anna" }] });
        expect(await store.sessions.find("ann", 0)).toBeUndefined();
        expect((await store.sessions.find("anna", 0))?.id).toBe("s1");
        expect(await store.sessions.find("", 0)).toBeUndefined();
      });

      test("whoever returns to a name that very many had meanwhile is found", async () => {
        const { store, writer } = await open();
        const found = async (sinceMs = 0) => (await store.sessions.find("ann", sinceMs))?.id;
        const owner = update("owner", { n: 1 });
        const others = Array.from({ length: 2 * history.maxNamesakes }, (_, i) =>
          update(`other ${i}`, { seenMs: 1_001 + i, network: "192.0.2.2" }),
        );
        await writer.commit({ sessions: [owner] });
        for (const other of others) await writer.commit({ sessions: [other] });
        const last = others.at(-1)!;
        expect(await found()).toBe(last.id);
        for (const seenMs of [2_000, 2_001]) {
          await writer.commit({ sessions: [{ ...owner, seenMs }] });
          expect(await found(seenMs)).toBe("owner");
        }
        await writer.commit({ sessions: [{ ...others[0]!, seenMs: 2_002 }] });
        await writer.commit({ sessions: [{ ...owner, seenMs: 2_003 }] });
        expect(await found()).toBe("owner");
        await writer.commit({ sessions: [{ ...owner, seenMs: 2_004, name: "anna" }] });
        expect(await found()).toBe("other 0");
        await writer.commit({ sessions: [{ ...others[0]!, seenMs: 2_005, name: "", n: 1 }] });
        expect(await found()).toBe(last.id);
        await writer.commit({ sessions: [{ ...owner, seenMs: 2_006 }] });
        expect(await found()).toBe("owner");
        expect(await found(2_007)).toBeUndefined();
        expect(await store.sessions.load("owner")).toMatchObject({ n: 1, mail: 0, seenMs: 2_006 });
      });

      test("a session that left without a message is not kept, one with messages is, for a while", async () => {
        const { store, writer } = await open({ goodbyeAgeMs: 100, sessionAgeMs: 1_000 });
        const sessions = [update("s1"), update("s2", { n: 5 })];
        await writer.commit({ sessions });
        await writer.commit({ sessions: sessions.map((one) => ({ ...one, name: "" })) });
        expect(await store.sessions.load("s1")).toBeUndefined();
        nowMs = 1_100;
        await store.sweepAll();
        expect((await store.sessions.load("s2"))?.n).toBe(5);
        nowMs = 1_101;
        await store.sweepAll();
        expect(await store.sessions.load("s2")).toBeUndefined();
      });

      test("a session's age counts from its last sign of life, whatever changed", async () => {
        const { store, writer } = await open({ goodbyeAgeMs: 100, sessionAgeMs: 1_000 });
        for (nowMs = 1_000; nowMs <= 5_000; nowMs += 500) {
          await writer.commit({ sessions: [update("s1", { seenMs: nowMs })] });
          await store.sweepAll();
        }
        nowMs = 6_000;
        await store.sweepAll();
        expect(await store.sessions.load("s1")).toBeDefined();
        nowMs = 6_001;
        await store.sweepAll();
        expect(await store.sessions.load("s1")).toBeUndefined();
      });

      test("sessions past the maximum age or number are dropped with their mail, the oldest first", async () => {
        nowMs = 0;
        const { store, writer } = await open({
          sessions: 10,
          sessionAgeMs: 1_000,
          goodbyeAgeMs: 100,
        });
        for (let i = 1; i <= 30; i++) {
          const id = `s${String(i).padStart(2, "0")}`;
          nowMs = i;
          await writer.commit({
            sessions: [update(id, { name: `ann${i}` })],
            mail: [mail(id, "psst")],
          });
        }
        await store.sweepAll();
        expect(await store.sessions.load("s20")).toBeUndefined();
        expect(await store.sessions.load("s21")).toBeDefined();
        nowMs = 1_022;
        await store.sweepAll();
        expect(await store.sessions.load("s21")).toBeUndefined();
        expect(await store.sessions.find("ann21", 0)).toBeUndefined();
        expect(await store.mailboxes.after("s21", 0, 9)).toEqual([]);
        expect(await store.sessions.load("s22")).toBeDefined();
        expect(await store.mailboxes.after("s22", 0, 9)).toHaveLength(1);
        nowMs = 2_000;
        await store.sweepAll();
        expect(await store.sessions.load("s30")).toBeUndefined();
      });
    });

    describe("too many sessions", () => {
      test("the network with the most loses its own, for IPv6 the /48", async () => {
        const { store, writer } = await open({
          sessions: 100,
          sessionAgeMs: 1e9,
          goodbyeAgeMs: 1e9,
        });
        const ids = ["ann", "ben", "cid"];
        for (const id of ids) {
          const network = `192.0.2.${id.length}${id.charCodeAt(0)}`;
          await writer.commit({
            sessions: [update(id, { name: id, network })],
            mail: [mail(id, "psst")],
          });
        }
        await writer.commit({ mail: [mail(`${accountMark}ann`, "psst")] });
        for (let i = 0; i < 1_000; i++) {
          nowMs++;
          const network = i % 2 === 0 ? "198.51.100.7" : `2001:db8:1:${i.toString(16)}::/64`;
          await writer.commit({ sessions: [update(`m${i}`, { name: `m${i}`, network })] });
          if (i % 100 === 0) await store.sweepAll();
        }
        await store.sweepAll();
        for (const id of ids) {
          expect(await store.sessions.load(id)).toMatchObject({ name: id, mail: 1 });
          expect(await store.mailboxes.after(id, 0, 9)).toHaveLength(1);
        }
        // The mailboxes of accounts don't count.
        expect(await store.mailboxes.after(`${accountMark}ann`, 0, 9)).toHaveLength(1);
        const kept: number[] = [];
        for (let i = 0; i < 1_000; i++) {
          if ((await store.sessions.load(`m${i}`)) !== undefined) kept.push(i);
        }
        expect(kept).toHaveLength(97);
        expect(kept).toContain(999);
        expect(kept[0]).toBeGreaterThan(880);
      });
    });

    describe("mail", () => {
      test("it is numbered per mailbox and returned in order", async () => {
        const { store, writer } = await open();
        await writer.commit({ sessions: [update("s1")] });
        const letters = [
          mail("s1", "one", { chat: true, kind: "emote" }),
          mail("s2", `"\\'`, { from: "[::1]:5", alias: "A", to: ["Bob", 'C"'] }),
          mail("s1", "two", {
            timeMs: 7,
            chat: true,
            kind: "notice",
            isOwn: true,
            sealed: { key: "k", boxes: [{ key: "l", box: "b" }] },
          }),
        ];
        expect((await writer.commit({ mail: letters })).mail).toEqual([1, 1, 2]);
        expect((await writer.commit({ mail: letters })).mail).toEqual([3, 2, 4]);
        const [one, , two] = letters.map(({ message }) => message);
        expect(await store.mailboxes.after("s1", 0, 100)).toEqual([
          { ...one!, mail: 1 },
          { ...two!, mail: 2 },
          { ...one!, mail: 3 },
          { ...two!, mail: 4 },
        ]);
        expect(await store.mailboxes.after("s2", 0, 1)).toEqual([
          { ...letters[1]!.message, mail: 1 },
        ]);
        expect(await store.mailboxes.after("s1", 2, 1)).toEqual([{ ...one!, mail: 3 }]);
        expect(await store.mailboxes.after("s1", 4, 9)).toEqual([]);
        expect(await store.sessions.load("s1")).toEqual({ ...update("s1"), mail: 4 });
      });

      test("a record that changes in the same batch keeps the mailbox's numbers", async () => {
        const { store, writer } = await open();
        await writer.commit({ sessions: [update("s1")], mail: [mail("s1", "a")] });
        await writer.commit({ sessions: [update("s1", { n: 1 })], mail: [mail("s1", "b")] });
        // A goodbye and a message in the same turn.
        await writer.commit({ sessions: [update("s2", { name: "" })], mail: [mail("s2", "c")] });
        expect(await store.sessions.load("s1")).toEqual({ ...update("s1", { n: 1 }), mail: 2 });
        expect(await store.sessions.load("s2")).toMatchObject({ name: "", mail: 1 });
      });

      test("a recipient without a record gets one with its first message", async () => {
        const { store, writer } = await open();
        await writer.commit({ mail: [mail("s9", "psst", { timeMs: 77 })] });
        expect(await store.sessions.load("s9")).toEqual({
          id: "s9",
          name: "",
          n: 0,
          mail: 1,
          network: "",
          seenMs: 77,
        });
        await writer.commit({ sessions: [update("s9", { n: 3 })] });
        expect(await store.sessions.load("s9")).toEqual({ ...update("s9", { n: 3 }), mail: 1 });
      });

      test("a deleted account leaves no mail behind, and others keep theirs", async () => {
        const { store, writer } = await open();
        const [ann, ben] = ["a1", "a2"].map(accountMailbox);
        await store.accounts.change(registration("a1", "ann"));
        await store.accounts.change(registration("a2", "ben"));
        await writer.commit({ mail: [mail(ann!, "for Ann"), mail(ben!, "for Ben")] });
        await store.accounts.change({ account: "a1", type: "delete", atMs: 2 });
        expect(await store.mailboxes.after(ann!, 0, 10)).toEqual([]);
        expect(await store.sessions.load(ann!)).toBeUndefined();
        expect(await store.mailboxes.after(ben!, 0, 10)).toMatchObject([{ text: "for Ben" }]);
      });

      test("a mailbox is limited; the oldest messages of a single sender are deleted", async () => {
        const { store, writer } = await open({ mailMessages: 5 });
        for (let i = 1; i <= 8; i++) await writer.commit({ mail: [mail("s1", `psst ${i}`)] });
        const kept = await store.mailboxes.after("s1", 0, 100);
        expect(kept.map(({ mail: number }) => number)).toEqual([4, 5, 6, 7, 8]);
        expect((await store.sessions.load("s1"))?.mail).toBe(8);
      });

      test("letters that come together displace others one after the other", async () => {
        const { store, writer } = await open({ mailMessages: 4 });
        const [one, other] = ["2001:db8:0:1::/64", "192.0.2.1"];
        const letters = [
          { from: "A", network: one! },
          { from: "B", network: other! },
          { from: "A", network: "" },
          { from: "B", network: one! },
          { from: "A", network: other! },
          { from: "B", network: one! },
        ].map((fields) => mail("s1", "psst", fields));
        await writer.commit({ mail: letters.slice(0, 4) });
        await writer.commit({ mail: letters.slice(4) });
        const kept = await store.mailboxes.after("s1", 0, 100);
        expect(kept.map(({ mail: number }) => number)).toEqual([3, 4, 5, 6]);
      });

      test("copies of what somebody has sent are listed, and neither delivered nor counted", async () => {
        const { store, writer } = await open();
        const [bob, cleo] = ["Bob", "Cleo"].map((name) => ({ person: accountMailbox(name), name }));
        const told = mail("s1", "one", { id: 5, other: bob! });
        const said = mail("s1", "two", { id: 6, to: ["Cleo"], other: cleo!, isCopy: true });
        const { mail: numbers } = await writer.commit({ mail: [said, told, said] });
        const [first = 0, one, second = 0] = numbers;
        expect(one).toBe(1);
        expect(second).toBe(first + 1);
        expect(second).toBeLessThan(0);
        expect(await store.mailboxes.list("s1")).toEqual([
          { mail: first, timeMs: 1_000, id: 6, ...cleo! },
          { mail: second, timeMs: 1_000, id: 6, ...cleo! },
          { mail: 1, timeMs: 1_000, id: 5, ...bob! },
        ]);
        expect(await store.mailboxes.pick("s1", [second])).toEqual([
          { ...said.message, mail: second },
        ]);
        const picked = await store.mailboxes.pick("s1", [1, first, second + 1, 2]);
        expect(picked.map(({ mail: number }) => number).toSorted((a, b) => a - b)).toEqual([
          first,
          1,
        ]);
        expect(await store.mailboxes.list("s2")).toEqual([]);
        expect(await store.mailboxes.pick("s2", [1, first])).toEqual([]);
        expect(await store.mailboxes.after("s1", 0, 9)).toEqual([{ ...told.message, mail: 1 }]);
        expect(await store.mailboxes.countAfter("s1", 0)).toEqual({ count: 1, last: 1 });
        expect((await store.sessions.load("s1"))?.mail).toBe(1);
      });

      test("mail without a partner is listed under its sender's name", async () => {
        const { store, writer } = await open();
        await writer.commit({ mail: [mail("s1", "psst")] });
        expect(await store.mailboxes.list("s1")).toEqual([
          { mail: 1, timeMs: 1_000, id: 0, person: "", name: "Ann" },
        ]);
      });

      test("as many copies are kept as messages, the newest, and neither displace the other", async () => {
        const { store, writer } = await open({ mailMessages: 5 });
        const numbers: number[] = [];
        for (let i = 1; i <= 8; i++) {
          const both = [mail("s1", `to Bob ${i}`, { isCopy: true }), mail("s1", `psst ${i}`)];
          numbers.push(...(await writer.commit({ mail: both })).mail);
        }
        const kept = await store.mailboxes.list("s1");
        const newest = numbers.slice(-10).toSorted((a, b) => a - b);
        expect(kept.map(({ mail: number }) => number)).toEqual(newest);
      });

      test("a deleted account, and a record that is not kept, leave no copies behind", async () => {
        const { store, writer } = await open();
        const box = accountMailbox("a1");
        await store.accounts.change(registration("a1", "ann"));
        const copies = [box, "s1"].map((session) => mail(session, "to Bob", { isCopy: true }));
        await writer.commit({ mail: copies });
        expect(await store.mailboxes.list(box)).toHaveLength(1);
        await store.accounts.change({ account: "a1", type: "delete", atMs: 2 });
        await writer.commit({ sessions: [update("s1", { name: "" })] });
        expect(await store.mailboxes.list(box)).toEqual([]);
        expect(await store.mailboxes.list("s1")).toEqual([]);
      });

      test("copies age like messages", async () => {
        const { store, writer } = await open({ maxAgeMs: 1_000 });
        const box = accountMailbox("a1");
        await writer.commit({ mail: [mail(box, "old", { isCopy: true }), mail(box, "old too")] });
        nowMs = 1_900;
        await writer.commit({ mail: [mail(box, "new", { isCopy: true })] });
        nowMs = 2_500;
        await store.sweepAll();
        const left = await store.mailboxes.list(box);
        const texts = await store.mailboxes.pick(
          box,
          left.map(({ mail: number }) => number),
        );
        expect(texts.map(({ text }) => text)).toEqual(["new"]);
      });

      test("a flood from a few senders pushes out no messages of others", async () => {
        const { store, writer } = await open({ mailMessages: 1_000 });
        for (let i = 0; i < 3; i++) await writer.commit({ mail: [mail("s1", `from Ann ${i}`)] });
        await writer.commit({
          mail: Array.from({ length: 200 }, () => mail("s1", "x", { from: "Ben" })),
        });
        for (let i = 0; i < 380; i++) {
          const four = ["M1", "M2", "M3", "M4"].map((from) => mail("s1", "spam", { from }));
          await writer.commit({ mail: four });
        }
        const kept = await store.mailboxes.after("s1", 0, 9_999);
        expect(kept.length).toBeGreaterThanOrEqual(1_000);
        expect(kept.length).toBeLessThan(1_125);
        const count = (sender: string) => kept.filter(({ from }) => from === sender).length;
        expect(count("Ann")).toBe(3);
        expect(count("Ben")).toBeGreaterThanOrEqual(199);
        for (const from of ["M1", "M2", "M3", "M4"]) expect(count(from)).toBeGreaterThan(198);
        // The newest of the flood remain.
        expect(kept.at(-1)?.mail).toBe(203 + 4 * 380);
      });

      test("a flood under any names pushes out no messages of another network", async () => {
        const flooded = fc.record({
          /** A /48, which counts as one network, or an IPv4 address. */
          networkOf: fc.constantFrom(
            () => "198.51.100.7",
            (i: number) => `2001:db8:1:${i.toString(16)}::/64`,
          ),
          names: fc.integer({ min: 1, max: 400 }),
          messages: fc.integer({ min: 150, max: 500 }),
          before: fc.integer({ min: 1, max: 50 }),
        });
        await fc.assert(
          fc.asyncProperty(flooded, async ({ networkOf, names, messages, before }) => {
            const { store, writer } = await open({ mailMessages: 100 });
            const own = Array.from({ length: before }, (_, i) => mail("s1", `${i}`));
            await writer.commit({ mail: own });
            const spam = Array.from({ length: messages }, (_, i) =>
              mail("s1", "spam", { from: `M${i % names}`, network: networkOf(i % names) }),
            );
            for (let i = 0; i < messages; i += 10) {
              await writer.commit({ mail: spam.slice(i, i + 10) });
            }
            const kept = await store.mailboxes.after("s1", 0, 9_999);
            expect(kept.length).toBeLessThan(113);
            const texts = kept.filter(({ from }) => from === "Ann").map(({ text }) => text);
            expect(texts).toEqual(own.map(({ message }) => message.text));
            expect(JSON.stringify(kept)).not.toContain(networkOf(0).slice(0, 8));
          }),
          { numRuns: 20 },
        );
      }, 180_000);

      test("mail over the maximum age is deleted", async () => {
        const { store, writer } = await open({
          maxAgeMs: 1_000,
          goodbyeAgeMs: 1e9,
          sessionAgeMs: 1e9,
        });
        for (nowMs = 0; nowMs < 2_000; nowMs += 100)
          await writer.commit({ mail: [mail("s1", "psst")] });
        await store.sweepAll();
        const kept = await store.mailboxes.after("s1", 0, 100);
        expect(kept.map(({ mail: number }) => number)).toEqual(
          Array.from({ length: 10 }, (_, i) => 11 + i),
        );
      });
    });

    describe("the system clock", () => {
      /** A store whose clock follows two clocks that the test sets. */
      async function openClocked() {
        const clock = retentionClock(
          systemMs,
          () => steadyMs,
          () => systemMs,
        );
        const pass = (ms: number): void => {
          // A server sweeps every ten seconds.
          for (let left = ms; left > 0; left -= 10_000) {
            steadyMs += Math.min(left, 10_000);
            systemMs += Math.min(left, 10_000);
            clock();
          }
        };
        return { ...(await open({}, clock)), run: pass };
      }
      let steadyMs = 5;
      let systemMs = 1_763_700_000_000;

      test("40 days ahead for 15 s, or back, deletes nothing", async () => {
        const clocked = await openClocked();
        const { store, writer } = clocked;
        await writer.commit({
          rooms: [{ room: "lobby", runs: [run("lobby", texts(5))] }],
          sessions: [update("s1")],
          mail: [mail("s1", "psst")],
        });
        for (const jumpMs of [40 * dayMs, -40 * dayMs, -4_000 * dayMs, 4_000 * dayMs]) {
          systemMs += jumpMs;
          clocked.run(15_000);
          await writer.say("lobby");
          await store.sweepAll();
        }
        clocked.run(60_000);
        await store.sweepAll();
        expect(await store.rooms.after("lobby", 0, 99)).toHaveLength(9);
        expect(await store.mailboxes.after("s1", 0, 9)).toHaveLength(1);
        expect(await store.sessions.load("s1")).toBeDefined();
      });

      test("messages that are 30 days old are still deleted", async () => {
        const { store, writer, run: pass } = await openClocked();
        await writer.say("lobby");
        pass(29 * dayMs);
        await store.sweepAll();
        expect(await store.rooms.after("lobby", 0, 9)).toHaveLength(1);
        pass(2 * dayMs);
        await store.sweepAll();
        expect(await store.rooms.after("lobby", 0, 9)).toEqual([]);
      });
    });

    test("behaves like a simple, slow store for any sequence of events", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const bounds = {
            messages: 12,
            mailMessages: 4,
            maxAgeMs: 50,
            sessionAgeMs: 60,
            goodbyeAgeMs: 30,
          };
          nowMs = 1_000;
          const { store } = await open(bounds);
          const plain = new PlainStore(store.epoch, bounds, () => nowMs);
          let last = batchOf({ rooms: [], sessions: [], mail: [] }, 1, nowMs);
          let committed = plain.commit(last);
          expect(await store.commit(last)).toEqual(committed);
          for (const { kind, batch } of steps) {
            nowMs += 5;
            const next = batchOf(batch, last.number + 1, nowMs);
            if (kind === "commit") {
              committed = plain.commit(next);
              last = next;
              expect(await store.commit(next)).toEqual(committed);
            } else if (kind === "repeat") {
              expect(await store.commit(last)).toEqual(committed);
            } else if (kind === "fail") {
              const spoilt = { ...next, mail: [...next.mail, mail("s1", "never kept")] };
              await whileFailing?.(async () => {
                await expect(store.commit(spoilt)).rejects.toThrow("can't be written");
              });
            } else {
              plain.sweep();
              await store.sweepAll();
            }
            await expectSame(store, plain);
          }
        }),
        { numRuns: 15 },
      );
    }, 180_000);
  });
}
