// What every store has to do; each implementation's test file runs it.

import { afterEach, describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { accountMark } from "../../src/chat/account-store.ts";
import { retentionClock } from "../../src/store/retention-clock.ts";
import type { Retention } from "../../src/store/retention.ts";
import type { ServerStore } from "../../src/store/server-store.ts";
import { logged, mail, run, sweepAll, texts, update, Writer } from "./batches.ts";
import { PlainStore } from "./plain-store.ts";
import { batchOf, expectSame, step } from "./random-batches.ts";

export type StoreMaker = (retention: Partial<Retention>, clock: () => number) => ServerStore;

/**
 * Runs `body` while the store can't commit a batch with mail. A store that never fails has none.
 */
export type WhileFailing = (store: ServerStore, body: () => void) => void;

const seqs = (page: readonly { seq: number }[]) => page.map(({ seq }) => seq);

const dayMs = 24 * 3_600_000;

export function storeContract(name: string, make: StoreMaker, whileFailing?: WhileFailing): void {
  describe(`${name}: contract`, () => {
    let opened: ServerStore | undefined;
    /** The store's clock. */
    let nowMs = 1_000;
    afterEach(() => {
      opened?.close();
      opened = undefined;
      nowMs = 1_000;
    });

    function open(
      retention: Partial<Retention> = {},
      clock: () => number = () => nowMs,
    ): { store: ServerStore; writer: Writer } {
      opened?.close();
      const store = make(retention, clock);
      opened = store;
      return { store, writer: new Writer(store) };
    }

    test("a new store has an epoch and nothing else", () => {
      const { store } = open();
      expect(store.epoch).toMatch(/^.{16,32}$/);
      expect(store.rooms.bounds("lobby")).toEqual({ first: 1, last: 0 });
      expect(store.rooms.after("lobby", 0, 10)).toEqual([]);
      expect(store.rooms.before("lobby", Infinity, 10)).toEqual([]);
      expect(store.sessions.load("x")).toBeUndefined();
      expect(store.directory.find("ann", 0)).toBeUndefined();
      expect(store.directory.find("", 0)).toBeUndefined();
      expect(store.mailboxes.after("x", 0, 10)).toEqual([]);
    });

    test("an erased message keeps its number and loses its text, wherever it is in its turn", () => {
      const { store, writer } = open();
      const runs = [
        run("a", ["one", "two ünïcode 🎈", "three"], { from: "Ann", n: 5 }),
        run("a", ["four"], { from: "Bob", timeMs: 9 }),
      ];
      writer.commit({ rooms: [{ room: "a", runs }] });
      writer.commit({ rooms: [{ room: "a", runs: [run("a", ["x".repeat(5_000), "six"])] }] });
      const before = store.rooms.after("a", 0, 99);
      for (const seq of [2, 4, 5]) expect(store.rooms.erase("a", seq)).toBe(true);
      for (const seq of [0, 7, 99]) expect(store.rooms.erase("a", seq)).toBe(false);
      expect(store.rooms.erase("b", 1)).toBe(false);
      const gone = new Set([2, 4, 5]);
      const left = before.map((said) => (gone.has(said.seq) ? { ...said, text: "" } : said));
      expect(store.rooms.after("a", 0, 99)).toEqual(left);
      expect(store.rooms.before("a", 3, 99)).toEqual(left.slice(0, 2));
      expect(store.rooms.bounds("a")).toEqual({ first: 1, last: 6 });
      writer.say("a", ["seven"]);
      const later = store.rooms.after("a", 4, 99).map(({ text }) => text);
      expect(later).toEqual(["", "six", "seven"]);
    });

    test("rights are kept by key: put, replaced and deleted, all of a change or none", () => {
      const { store } = open();
      expect(store.rights.load()).toEqual([]);
      store.rights.change([
        { key: "a/1", value: '{"text":"\\u0000 日 \'"}' },
        { key: "a/2", value: "{}" },
        { key: "b/1", value: "" },
      ]);
      store.rights.change([]);
      store.rights.change([
        { key: "a/2", value: '{"new":true}' },
        { key: "b/1", value: undefined },
        { key: "c/1", value: undefined },
      ]);
      const byKey = [...store.rights.load()].sort((a, b) => (a.key < b.key ? -1 : 1));
      expect(byKey).toEqual([
        { key: "a/1", value: '{"text":"\\u0000 日 \'"}' },
        { key: "a/2", value: '{"new":true}' },
      ]);
    });

    describe("rooms", () => {
      test("messages come back as they were said, whatever they contain", () => {
        const { store, writer } = open();
        const runs = [
          run("lobby", ["plain", "", " "], { alias: "Änn", n: 1 }),
          run("lobby", ["", "\u{feff}日本 \u{1f600}"], { alias: "", n: 2 ** 52 }),
          run("lobby", [`'"\\`, '","', "\\u0041", "]}"], { from: 'Q"\\', alias: "\\" }),
          run("lobby", ["x"], { from: "[::1]:5", alias: "two words" }),
          run("lobby", ["x".repeat(16_384)], { timeMs: 1_763_700_000_000, n: 0 }),
          run("lobby", ["日".repeat(16_384)], { from: "日本" }),
        ];
        expect(writer.commit({ rooms: [{ room: "lobby", runs }] }).rooms).toEqual([1]);
        expect(store.rooms.after("lobby", 0, 99)).toEqual(logged(runs, 1));
        expect(store.rooms.bounds("lobby")).toEqual({ first: 1, last: 12 });
      });

      test("the log numbers each room without gaps, in the order of the batch", () => {
        const { store, writer } = open();
        const a = [run("a", ["1", "2"]), run("a", ["3"], { from: "Bob" })];
        const b = [run("b", ["1"])];
        const both = [
          { room: "b", runs: b },
          { room: "a", runs: a },
        ];
        expect(writer.commit({ rooms: both }).rooms).toEqual([1, 1]);
        expect(writer.commit({ rooms: both }).rooms).toEqual([2, 4]);
        expect(writer.commit({ rooms: [] }).rooms).toEqual([]);
        expect(store.rooms.after("a", 0, 9)).toEqual([...logged(a, 1), ...logged(a, 4)]);
        expect(store.rooms.after("b", 0, 9)).toEqual([...logged(b, 1), ...logged(b, 2)]);
      });

      test("after and before return a page, ascending, from the right end", () => {
        const { store, writer } = open();
        for (let batch = 0; batch < 20; batch++) writer.say("lobby", 5);
        expect(seqs(store.rooms.after("lobby", 97, 10))).toEqual([98, 99, 100]);
        expect(seqs(store.rooms.after("lobby", 39, 4))).toEqual([40, 41, 42, 43]);
        expect(seqs(store.rooms.before("lobby", 42, 4))).toEqual([38, 39, 40, 41]);
        expect(seqs(store.rooms.before("lobby", Infinity, 2))).toEqual([99, 100]);
        expect(seqs(store.rooms.before("lobby", 3, 10))).toEqual([1, 2]);
        expect(seqs(store.rooms.after("lobby", 100, 10))).toEqual([]);
        expect(seqs(store.rooms.after("lobby", 1_000, 10))).toEqual([]);
        expect(seqs(store.rooms.before("lobby", 1, 10))).toEqual([]);
        expect(seqs(store.rooms.after("lobby", 3, 0))).toEqual([]);
        expect(seqs(store.rooms.after("den", 0, 10))).toEqual([]);
      });

      test("a batch of thousands reads like any other", () => {
        const { store, writer } = open();
        const runs = [run("lobby", texts(5_000)), run("lobby", ["x".repeat(9)], { from: "Bob" })];
        writer.commit({ rooms: [{ room: "lobby", runs }] });
        const all = logged(runs, 1);
        expect(store.rooms.after("lobby", 4_321, 2)).toEqual(all.slice(4_321, 4_323));
        expect(store.rooms.before("lobby", 257, 500)).toEqual(all.slice(0, 256));
        expect(store.rooms.after("lobby", 0, 10_000)).toEqual(all);
      });

      test("committing a batch again under its number logs it once and returns the same numbers", () => {
        const { store, writer } = open();
        writer.say("lobby", 3);
        const batch = {
          number: 7,
          rooms: [{ room: "lobby", runs: [run("lobby", ["a", "b"])] }],
          mail: [mail("s1", "psst")],
          sessions: [update("s1", { n: 2 })],
        };
        const committed = { rooms: [4], mail: [1] };
        expect(store.commit(batch)).toEqual(committed);
        expect(store.commit(batch)).toEqual(committed);
        expect(store.rooms.bounds("lobby").last).toBe(5);
        expect(store.mailboxes.after("s1", 0, 9)).toHaveLength(1);
        expect(store.sessions.load("s1")?.mail).toBe(1);
        expect(store.commit({ ...batch, number: 8 })).toEqual({ rooms: [6], mail: [2] });
      });

      test("committing a batch older than the last one is a bug of the caller", () => {
        const { store, writer } = open();
        writer.say("lobby");
        writer.say("lobby");
        const late = { number: 1, rooms: [], mail: [], sessions: [] };
        expect(() => store.commit(late)).toThrow("Batch 1 comes after batch 2");
      });

      test("a room keeps exactly the newest messages, even if the cut is within a batch", () => {
        const { store, writer } = open({ messages: 50 });
        for (let batch = 0; batch < 29; batch++) writer.say("lobby", 7);
        const kept = { first: 203 - 50 + 1, last: 203 };
        expect(store.rooms.bounds("lobby")).toEqual(kept);
        expect(store.rooms.after("lobby", 0, 1_000)).toHaveLength(50);
        expect(store.rooms.before("lobby", 160, 1_000)[0]?.seq).toBe(154);
        sweepAll(store);
        expect(store.rooms.bounds("lobby")).toEqual(kept);
        expect(store.rooms.after("lobby", 0, 1_000)).toHaveLength(50);
        expect(writer.say("lobby", 60)).toBe(204);
        expect(store.rooms.bounds("lobby")).toEqual({ first: 214, last: 263 });
      });

      test("messages over the maximum age are deleted in whole batches, their numbers stay used", () => {
        const { store, writer } = open({ maxAgeMs: 1_000 });
        for (nowMs of [1_000, 1_600, 2_200]) writer.say("lobby", 500);
        nowMs = 2_000;
        sweepAll(store);
        expect(store.rooms.bounds("lobby").first).toBe(1);
        nowMs = 2_001;
        sweepAll(store);
        expect(store.rooms.bounds("lobby").first).toBe(501);
        expect(store.rooms.after("lobby", 0, 1)[0]?.seq).toBe(501);
        nowMs = 1_000_000;
        sweepAll(store);
        expect(store.rooms.bounds("lobby")).toEqual({ first: 1_501, last: 1_500 });
        expect(store.rooms.after("lobby", 0, 10)).toEqual([]);
        expect(writer.say("lobby", 2)).toBe(1_501);
        expect(store.rooms.after("lobby", 0, 10)).toHaveLength(2);
      });

      test("too many rooms: an empty one is dropped, and no number is used twice", () => {
        const { store, writer } = open({ rooms: 3, maxAgeMs: 1_000 });
        for (const room of ["a", "b", "c"]) writer.say(room, 10);
        nowMs = 1_000_000;
        sweepAll(store);
        expect(writer.say("d")).toBe(1);
        sweepAll(store);
        expect(store.rooms.bounds("a")).toEqual({ first: 11, last: 10 });
        expect(writer.say("a")).toBe(11);
        expect(store.rooms.after("a", 0, 10).map(({ seq }) => seq)).toEqual([11]);
        expect(store.rooms.bounds("d").last).toBe(1);
      });

      test("too many rooms, all with history: the quietest is dropped completely", () => {
        const { store, writer } = open({ rooms: 60 });
        for (let room = 0; room < 60; room++) {
          writer.say(`r${room}`, 600, { timeMs: 10_000 + room });
        }
        // The oldest of all has a new message.
        writer.say("r0", 1, { timeMs: 20_000 });
        for (let room = 60; room < 100; room++) {
          writer.say(`r${room}`, 600, { timeMs: 20_000 + room });
          sweepAll(store);
        }
        const kept = Array.from({ length: 100 }, (_, i) => i).filter(
          (room) => store.rooms.after(`r${room}`, 0, 9).length > 0,
        );
        expect(kept).toEqual([0, ...Array.from({ length: 59 }, (_, i) => 41 + i)]);
        expect(store.rooms.bounds("r1").last).toBe(600);
        expect(store.rooms.bounds("r0").last).toBe(601);
        expect(writer.say("r1")).toBe(601);
        expect(store.rooms.after("r1", 0, 9).map(({ seq }) => seq)).toEqual([601]);
      });

      test("too many rooms: a flood of new ones takes nothing from rooms that are in use or large", () => {
        const { store, writer } = open({ rooms: 5 });
        store.isInUse = (room) => room === "lobby";
        writer.say("lobby", 3, { timeMs: 10_000 });
        writer.say("much", 20, { timeMs: 10_000 });
        for (let room = 0; room < 40; room++) {
          writer.say(`r${room}`, 5, { timeMs: 10_001 + room });
          sweepAll(store);
        }
        expect(store.rooms.after("lobby", 0, 99)).toHaveLength(3);
        expect(store.rooms.after("much", 0, 99)).toHaveLength(20);
        const others = Array.from(
          { length: 40 },
          (_, i) => store.rooms.after(`r${i}`, 0, 9).length,
        );
        expect(others.filter((length) => length > 0)).toHaveLength(3);
        expect(others.at(-1)).toBe(5);
      });
    });

    describe("sessions and names", () => {
      test("sessions come back as written, each in its latest state", () => {
        const { store, writer } = open();
        const bob = update("s2", { name: "bob", network: "2001:db8:0:1::/64" });
        writer.commit({ sessions: [update("s1"), bob] });
        const later = update("s1", { n: 7, network: "", seenMs: 2_000 });
        writer.commit({ sessions: [later] });
        expect(store.sessions.load("s1")).toEqual({ ...later, mail: 0 });
        expect(store.sessions.load("s2")).toEqual({ ...bob, mail: 0 });
      });

      test("every field of a record is written, even if nothing else has changed", () => {
        const { store, writer } = open();
        const changes = [{ n: 1 }, { name: "anna" }, { network: "x" }, { seenMs: 1_001 }, { n: 0 }];
        const record = update("s1");
        writer.commit({ sessions: [record] });
        for (const change of changes) {
          Object.assign(record, change);
          writer.commit({ sessions: [record] });
          expect(store.sessions.load("s1")).toEqual({ ...record, mail: 0 });
        }
      });

      test("a name finds the session seen last, until it has said goodbye", () => {
        const { store, writer } = open();
        const old = update("s1", { seenMs: 5 });
        const young = update("s2", { seenMs: 9 });
        writer.commit({ sessions: [old, young] });
        expect(store.directory.find("ann", 0)).toEqual({ ...young, mail: 0 });
        expect(store.directory.find("ann", 10)).toBeUndefined();
        writer.commit({ sessions: [{ ...young, name: "", n: 1 }] });
        expect(store.directory.find("ann", 0)).toEqual({ ...old, mail: 0 });
        expect(store.directory.find("ann", 6)).toBeUndefined();
        writer.commit({ sessions: [{ ...old, name: "anna" }] });
        expect(store.directory.find("ann", 0)).toBeUndefined();
        expect(store.directory.find("anna", 0)?.id).toBe("s1");
        expect(store.directory.find("", 0)).toBeUndefined();
      });

      test("a session that said nothing and left is not kept, one that said something is, for a while", () => {
        const { store, writer } = open({ goodbyeAgeMs: 100, sessionAgeMs: 1_000 });
        const sessions = [update("s1"), update("s2", { n: 5 })];
        writer.commit({ sessions });
        writer.commit({ sessions: sessions.map((one) => ({ ...one, name: "" })) });
        expect(store.sessions.load("s1")).toBeUndefined();
        nowMs = 1_100;
        sweepAll(store);
        expect(store.sessions.load("s2")?.n).toBe(5);
        nowMs = 1_101;
        sweepAll(store);
        expect(store.sessions.load("s2")).toBeUndefined();
      });

      test("a session's age counts from its last sign of life, whatever changed", () => {
        const { store, writer } = open({ goodbyeAgeMs: 100, sessionAgeMs: 1_000 });
        for (nowMs = 1_000; nowMs <= 5_000; nowMs += 500) {
          writer.commit({ sessions: [update("s1", { seenMs: nowMs })] });
          sweepAll(store);
        }
        nowMs = 6_000;
        sweepAll(store);
        expect(store.sessions.load("s1")).toBeDefined();
        nowMs = 6_001;
        sweepAll(store);
        expect(store.sessions.load("s1")).toBeUndefined();
      });

      test("sessions past the maximum age or number are dropped with their mail, the oldest first", () => {
        const { store, writer } = open({ sessions: 10, sessionAgeMs: 1_000, goodbyeAgeMs: 100 });
        for (let i = 1; i <= 30; i++) {
          const id = `s${String(i).padStart(2, "0")}`;
          nowMs = i;
          writer.commit({ sessions: [update(id, { name: `ann${i}` })], mail: [mail(id, "psst")] });
        }
        sweepAll(store);
        expect(store.sessions.load("s20")).toBeUndefined();
        expect(store.sessions.load("s21")).toBeDefined();
        nowMs = 1_022;
        sweepAll(store);
        expect(store.sessions.load("s21")).toBeUndefined();
        expect(store.directory.find("ann21", 0)).toBeUndefined();
        expect(store.mailboxes.after("s21", 0, 9)).toEqual([]);
        expect(store.sessions.load("s22")).toBeDefined();
        expect(store.mailboxes.after("s22", 0, 9)).toHaveLength(1);
        nowMs = 2_000;
        sweepAll(store);
        expect(store.sessions.load("s30")).toBeUndefined();
      });
    });

    describe("too many sessions", () => {
      test("the network with the most loses its own, of IPv6 the /48", () => {
        const { store, writer } = open({ sessions: 100, sessionAgeMs: 1e9, goodbyeAgeMs: 1e9 });
        const ids = ["ann", "ben", "cid"];
        for (const id of ids) {
          const network = `192.0.2.${id.length}${id.charCodeAt(0)}`;
          writer.commit({
            sessions: [update(id, { name: id, network })],
            mail: [mail(id, "psst")],
          });
        }
        writer.commit({ mail: [mail(`${accountMark}ann`, "psst")] });
        for (let i = 0; i < 1_000; i++) {
          nowMs++;
          const network = i % 2 === 0 ? "198.51.100.7" : `2001:db8:1:${i.toString(16)}::/64`;
          writer.commit({ sessions: [update(`m${i}`, { name: `m${i}`, network })] });
          if (i % 100 === 0) sweepAll(store);
        }
        sweepAll(store);
        for (const id of ids) {
          expect(store.sessions.load(id)).toMatchObject({ name: id, mail: 1 });
          expect(store.mailboxes.after(id, 0, 9)).toHaveLength(1);
        }
        // The mailboxes of accounts don't count.
        expect(store.mailboxes.after(`${accountMark}ann`, 0, 9)).toHaveLength(1);
        const flood = Array.from({ length: 1_000 }, (_, i) => i);
        const kept = flood.filter((i) => store.sessions.load(`m${i}`) !== undefined);
        expect(kept).toHaveLength(97);
        expect(kept).toContain(999);
        expect(kept[0]).toBeGreaterThan(880);
      });
    });

    describe("mail", () => {
      test("it is numbered per mailbox and comes back in order", () => {
        const { store, writer } = open();
        writer.commit({ sessions: [update("s1")] });
        const letters = [
          mail("s1", "one", { chat: true, kind: "emote" }),
          mail("s2", `"\\'`, { from: "[::1]:5", alias: "A", to: ["Bob", 'C"'] }),
          mail("s1", "two", {
            timeMs: 7,
            chat: true,
            kind: "notice",
            sealed: { key: "k", boxes: [{ key: "l", box: "b" }] },
          }),
        ];
        expect(writer.commit({ mail: letters }).mail).toEqual([1, 1, 2]);
        expect(writer.commit({ mail: letters }).mail).toEqual([3, 2, 4]);
        const [one, , two] = letters.map(({ message }) => message);
        expect(store.mailboxes.after("s1", 0, 100)).toEqual([
          { ...one!, mail: 1 },
          { ...two!, mail: 2 },
          { ...one!, mail: 3 },
          { ...two!, mail: 4 },
        ]);
        expect(store.mailboxes.after("s2", 0, 1)).toEqual([{ ...letters[1]!.message, mail: 1 }]);
        expect(store.mailboxes.after("s1", 2, 1)).toEqual([{ ...one!, mail: 3 }]);
        expect(store.mailboxes.after("s1", 4, 9)).toEqual([]);
        expect(store.sessions.load("s1")).toEqual({ ...update("s1"), mail: 4 });
      });

      test("a record that changes in the same batch keeps the mailbox's numbers", () => {
        const { store, writer } = open();
        writer.commit({ sessions: [update("s1")], mail: [mail("s1", "a")] });
        writer.commit({ sessions: [update("s1", { n: 1 })], mail: [mail("s1", "b")] });
        // A goodbye and a message in the same turn.
        writer.commit({ sessions: [update("s2", { name: "" })], mail: [mail("s2", "c")] });
        expect(store.sessions.load("s1")).toEqual({ ...update("s1", { n: 1 }), mail: 2 });
        expect(store.sessions.load("s2")).toMatchObject({ name: "", mail: 1 });
      });

      test("a recipient without a record gets one with its first message", () => {
        const { store, writer } = open();
        writer.commit({ mail: [mail("s9", "psst", { timeMs: 77 })] });
        expect(store.sessions.load("s9")).toEqual({
          id: "s9",
          name: "",
          n: 0,
          mail: 1,
          network: "",
          seenMs: 77,
        });
        writer.commit({ sessions: [update("s9", { n: 3 })] });
        expect(store.sessions.load("s9")).toEqual({ ...update("s9", { n: 3 }), mail: 1 });
      });

      test("a mailbox is limited; of one sender's messages the oldest are deleted", () => {
        const { store, writer } = open({ mailMessages: 5 });
        for (let i = 1; i <= 8; i++) writer.commit({ mail: [mail("s1", `psst ${i}`)] });
        const kept = store.mailboxes.after("s1", 0, 100);
        expect(kept.map(({ mail: number }) => number)).toEqual([4, 5, 6, 7, 8]);
        expect(store.sessions.load("s1")?.mail).toBe(8);
      });

      test("a flood from a few senders pushes out nothing that others wrote", () => {
        const { store, writer } = open({ mailMessages: 1_000 });
        for (let i = 0; i < 3; i++) writer.commit({ mail: [mail("s1", `from Ann ${i}`)] });
        writer.commit({
          mail: Array.from({ length: 200 }, () => mail("s1", "x", { from: "Ben" })),
        });
        for (let i = 0; i < 380; i++) {
          const four = ["M1", "M2", "M3", "M4"].map((from) => mail("s1", "spam", { from }));
          writer.commit({ mail: four });
        }
        const kept = store.mailboxes.after("s1", 0, 9_999);
        expect(kept.length).toBeGreaterThanOrEqual(1_000);
        expect(kept.length).toBeLessThan(1_125);
        const count = (sender: string) => kept.filter(({ from }) => from === sender).length;
        expect(count("Ann")).toBe(3);
        expect(count("Ben")).toBeGreaterThanOrEqual(199);
        for (const from of ["M1", "M2", "M3", "M4"]) expect(count(from)).toBeGreaterThan(198);
        // The newest of the flood remain.
        expect(kept.at(-1)?.mail).toBe(203 + 4 * 380);
      });

      test("whoever floods, under whatever names, pushes out nothing that another network wrote", () => {
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
        fc.assert(
          fc.property(flooded, ({ networkOf, names, messages, before }) => {
            const { store, writer } = open({ mailMessages: 100 });
            const own = Array.from({ length: before }, (_, i) => mail("s1", `${i}`));
            writer.commit({ mail: own });
            for (let i = 0; i < messages; i++) {
              const fields = { from: `M${i % names}`, network: networkOf(i % names) };
              writer.commit({ mail: [mail("s1", "spam", fields)] });
            }
            const kept = store.mailboxes.after("s1", 0, 9_999);
            expect(kept.length).toBeLessThan(113);
            const texts = kept.filter(({ from }) => from === "Ann").map(({ text }) => text);
            expect(texts).toEqual(own.map(({ message }) => message.text));
            expect(JSON.stringify(kept)).not.toContain(networkOf(0).slice(0, 8));
          }),
          { numRuns: 20 },
        );
      });

      test("mail over the maximum age is deleted", () => {
        const { store, writer } = open({ maxAgeMs: 1_000, goodbyeAgeMs: 1e9, sessionAgeMs: 1e9 });
        for (nowMs = 0; nowMs < 2_000; nowMs += 100) writer.commit({ mail: [mail("s1", "psst")] });
        sweepAll(store);
        const kept = store.mailboxes.after("s1", 0, 100);
        expect(kept.map(({ mail: number }) => number)).toEqual(
          Array.from({ length: 10 }, (_, i) => 11 + i),
        );
      });
    });

    describe("the system clock", () => {
      /** A store whose clock follows two that the test moves. */
      function openClocked(): { store: ServerStore; writer: Writer; run: (ms: number) => void } {
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
        return { ...open({}, clock), run: pass };
      }
      let steadyMs = 5;
      let systemMs = 1_763_700_000_000;

      test("40 days ahead for 15 s, or back, deletes nothing", () => {
        const clocked = openClocked();
        const { store, writer } = clocked;
        writer.commit({
          rooms: [{ room: "lobby", runs: [run("lobby", texts(5))] }],
          sessions: [update("s1")],
          mail: [mail("s1", "psst")],
        });
        for (const jumpMs of [40 * dayMs, -40 * dayMs, -4_000 * dayMs, 4_000 * dayMs]) {
          systemMs += jumpMs;
          clocked.run(15_000);
          writer.say("lobby");
          sweepAll(store);
        }
        clocked.run(60_000);
        sweepAll(store);
        expect(store.rooms.after("lobby", 0, 99)).toHaveLength(9);
        expect(store.mailboxes.after("s1", 0, 9)).toHaveLength(1);
        expect(store.sessions.load("s1")).toBeDefined();
      });

      test("what is 30 days old is deleted nevertheless", () => {
        const { store, writer, run: pass } = openClocked();
        writer.say("lobby");
        pass(29 * dayMs);
        sweepAll(store);
        expect(store.rooms.after("lobby", 0, 9)).toHaveLength(1);
        pass(2 * dayMs);
        sweepAll(store);
        expect(store.rooms.after("lobby", 0, 9)).toEqual([]);
      });
    });

    test("behaves like a plain, slow store, whatever happens to both", () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          const bounds = {
            messages: 12,
            mailMessages: 4,
            maxAgeMs: 50,
            sessionAgeMs: 60,
            goodbyeAgeMs: 30,
          };
          nowMs = 1_000;
          const { store } = open(bounds);
          const plain = new PlainStore(store.epoch, bounds, () => nowMs);
          let last = batchOf({ rooms: [], sessions: [], mail: [] }, 1, nowMs);
          let committed = plain.commit(last);
          expect(store.commit(last)).toEqual(committed);
          for (const { kind, batch } of steps) {
            nowMs += 5;
            const next = batchOf(batch, last.number + 1, nowMs);
            if (kind === "commit") {
              committed = plain.commit(next);
              last = next;
              expect(store.commit(next)).toEqual(committed);
            } else if (kind === "repeat") {
              expect(store.commit(last)).toEqual(committed);
            } else if (kind === "fail") {
              const spoilt = { ...next, mail: [...next.mail, mail("s1", "never kept")] };
              whileFailing?.(store, () => {
                expect(() => store.commit(spoilt)).toThrow("can't be written");
              });
            } else {
              plain.sweep();
              sweepAll(store);
            }
            expectSame(store, plain);
          }
        }),
        { numRuns: 40 },
      );
    }, 30_000);
  });
}
