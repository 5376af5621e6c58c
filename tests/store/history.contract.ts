// What every store of the hub's history has to do, told once; each implementation's test file runs it.

import { afterEach, describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Said } from "../../src/chat/events.ts";
import type { Retention, Store } from "../../src/store/store.ts";
import { PlainHistory } from "./plain-history.ts";
import { expectSame, numberTurn, step } from "./random-turns.ts";
import { emptyTurn, mail, record, said, says, tidyAll } from "./turns.ts";

export type StoreMaker = (retention?: Partial<Retention>) => Store;

export function historyContract(name: string, open: StoreMaker): void {
  describe(`${name}: contract`, () => {
    let store: Store;
    afterEach(() => store.close());

    test("a new store has an epoch and nothing else", () => {
      store = open();
      expect(store.epoch).toMatch(/^.{16,32}$/);
      expect(store.lastSeq("lobby")).toBe(0);
      expect(store.firstSeq("lobby")).toBe(1);
      expect(store.after("lobby", 0, 10)).toEqual([]);
      expect(store.before("lobby", Infinity, 10)).toEqual([]);
      expect(store.session("x")).toBeUndefined();
      expect(store.sessionNamed("", 0)).toBeUndefined();
      expect(store.mailAfter("x", 0, 10)).toEqual([]);
    });

    test("messages come back as they were said, whatever is in them", () => {
      store = open();
      const turn = [
        said("lobby", 1, { alias: "Änn", n: 1 }),
        said("lobby", 2, { text: "", alias: "" }),
        said("lobby", 3, { from: "Ünal", text: "\n'\"\\\u{1f600}\u0000\u{feff}日本" }),
        said("lobby", 4, { text: "x".repeat(16_384), n: 2 ** 53 - 1, timeMs: 1_763_700_000_000 }),
        said("lobby", 5, { text: "日".repeat(16_384) }),
      ];
      store.append({ ...emptyTurn, said: turn });
      expect(store.after("lobby", 0, 10)).toEqual(turn);
      expect(store.lastSeq("lobby")).toBe(5);
    });

    test("after and before answer a page, ascending, from the right end", () => {
      store = open();
      store.append(says("lobby", 1, 100));
      expect(seqs(store.after("lobby", 97, 10))).toEqual([98, 99, 100]);
      expect(seqs(store.after("lobby", 40, 3))).toEqual([41, 42, 43]);
      expect(seqs(store.before("lobby", 40, 3))).toEqual([37, 38, 39]);
      expect(seqs(store.before("lobby", Infinity, 2))).toEqual([99, 100]);
      expect(seqs(store.before("lobby", 3, 10))).toEqual([1, 2]);
      expect(seqs(store.after("lobby", 100, 10))).toEqual([]);
      expect(seqs(store.before("lobby", 1, 10))).toEqual([]);
      expect(seqs(store.after("den", 0, 10))).toEqual([]);
    });

    test("rooms are numbered apart, also when one turn mixes them", () => {
      store = open();
      const turn = [said("a", 1), said("b", 1), said("a", 2), said("a", 3), said("b", 2)];
      store.append({ ...emptyTurn, said: turn });
      expect(store.after("a", 0, 9)).toEqual(turn.filter(({ room }) => room === "a"));
      expect(store.after("b", 0, 9)).toEqual(turn.filter(({ room }) => room === "b"));
    });

    test("a gap in a room's numbers is a mistake of the caller", () => {
      store = open();
      store.append(says("lobby", 1, 2));
      expect(() => store.append(says("lobby", 4, 4))).toThrow("does not follow 2");
      expect(store.lastSeq("lobby")).toBe(2);
    });

    test("a room keeps the newest messages, to the number", () => {
      store = open({ messages: 50 });
      for (let seq = 1; seq <= 200; seq += 7) store.append(says("lobby", seq, seq + 6));
      expect(store.firstSeq("lobby")).toBe(203 - 50 + 1);
      expect(store.after("lobby", 0, 1000)).toHaveLength(50);
      expect(store.before("lobby", 160, 1000)[0]?.seq).toBe(154);
      tidyAll(store, 0);
      expect(store.after("lobby", 0, 1000)).toHaveLength(50);
    });

    test("messages over age are forgotten, their numbers are not", () => {
      store = open({ maxAgeMs: 1_000 });
      for (let seq = 1; seq <= 1_500; seq += 500) store.append(says("lobby", seq, seq + 499));
      tidyAll(store, 3_000);
      expect(store.firstSeq("lobby")).toBe(1_000);
      expect(store.after("lobby", 0, 1)[0]?.seq).toBe(1_000);
      tidyAll(store, 1_000_000);
      expect(store.firstSeq("lobby")).toBe(1_501);
      expect(store.lastSeq("lobby")).toBe(1_500);
      expect(store.after("lobby", 0, 10)).toEqual([]);
      store.append(says("lobby", 1_501, 1_502));
      expect(store.after("lobby", 0, 10)).toHaveLength(2);
    });

    test("too many rooms: one without a past goes, and no number is used twice", () => {
      store = open({ rooms: 3, maxAgeMs: 1_000 });
      for (const room of ["a", "b", "c"]) store.append(says(room, 1, 10));
      tidyAll(store, 1_000_000);
      store.append(says("d", 1, 1, { timeMs: 1_000_000 }));
      tidyAll(store, 1_000_000);
      const forgotten = store.lastSeq("a");
      expect(forgotten).toBe(10);
      expect(store.firstSeq("a")).toBe(11);
      store.append(says("a", 11, 11, { timeMs: 1_000_000 }));
      expect(store.after("a", 0, 10).map(({ seq }) => seq)).toEqual([11]);
      expect(store.lastSeq("d")).toBe(1);
    });

    test("too many rooms with a past: the quietest goes, with all that was said in it", () => {
      store = open({ rooms: 60 });
      for (let room = 0; room < 100; room++) {
        store.append(says(`r${room}`, 1, 600, { timeMs: 10_000 + room }));
      }
      // The oldest of all is spoken in again.
      store.append(says("r0", 601, 601, { timeMs: 20_000 }));
      tidyAll(store, 20_000);
      const kept = Array.from({ length: 100 }, (_, i) => i).filter(
        (room) => store.after(`r${room}`, 0, 9).length > 0,
      );
      expect(kept).toEqual([0, ...Array.from({ length: 59 }, (_, i) => 41 + i)]);
      expect(store.lastSeq("r1")).toBe(600);
      expect(store.lastSeq("r0")).toBe(601);
      store.append(says("r1", 601, 601, { timeMs: 20_001 }));
      expect(store.after("r1", 0, 9).map(({ seq }) => seq)).toEqual([601]);
    });

    test("too many rooms: where somebody is, and where much was said, a flood of others takes nothing", () => {
      store = open({ rooms: 5 });
      store.isInUse = (room) => room === "lobby";
      store.append(says("lobby", 1, 3, { timeMs: 10_000 }));
      store.append(says("much", 1, 20, { timeMs: 10_000 }));
      for (let room = 0; room < 40; room++) {
        store.append(says(`r${room}`, 1, 5, { timeMs: 10_001 + room }));
      }
      tidyAll(store, 20_000);
      expect(store.after("lobby", 0, 99)).toHaveLength(3);
      expect(store.after("much", 0, 99)).toHaveLength(20);
      const others = Array.from({ length: 40 }, (_, i) => store!.after(`r${i}`, 0, 9).length);
      expect(others.filter((length) => length > 0)).toHaveLength(3);
      expect(others.at(-1)).toBe(5);
    });

    test("sessions come back as they were, the latest state of each", () => {
      store = open();
      store.append({ ...emptyTurn, sessions: [record("s1"), record("s2", { name: "bob" })] });
      store.append({ ...emptyTurn, sessions: [record("s1", { n: 7, mail: 3, seenMs: 2_000 })] });
      expect(store.session("s1")).toEqual(record("s1", { n: 7, mail: 3, seenMs: 2_000 }));
      expect(store.session("s2")).toEqual(record("s2", { name: "bob" }));
    });

    test("a name finds the session that was seen last, until it has said goodbye", () => {
      store = open();
      const [old, young] = [record("s1", { seenMs: 5 }), record("s2", { seenMs: 9 })];
      store.append({ ...emptyTurn, sessions: [old, young] });
      expect(store.sessionNamed("ann", 0)).toEqual(young);
      expect(store.sessionNamed("ann", 10)).toBeUndefined();
      store.append({ ...emptyTurn, sessions: [{ ...young, name: "" }] });
      expect(store.sessionNamed("ann", 0)).toEqual(old);
      expect(store.sessionNamed("ann", 6)).toBeUndefined();
      store.append({ ...emptyTurn, sessions: [{ ...old, name: "anna" }] });
      expect(store.sessionNamed("ann", 0)).toBeUndefined();
      expect(store.sessionNamed("anna", 0)?.id).toBe("s1");
      expect(store.sessionNamed("", 0)).toBeUndefined();
    });

    test("who said nothing and went leaves nothing; who said something is remembered for a while", () => {
      store = open({ goodbyeAgeMs: 100, sessionAgeMs: 1_000 });
      const sessions = [record("s1"), record("s2", { n: 5 })];
      store.append({ ...emptyTurn, sessions });
      store.append({ ...emptyTurn, sessions: sessions.map((one) => ({ ...one, name: "" })) });
      expect(store.session("s1")).toBeUndefined();
      expect(store.session("s2")?.n).toBe(5);
      tidyAll(store, 1_100);
      expect(store.session("s2")?.n).toBe(5);
      tidyAll(store, 1_101);
      expect(store.session("s2")).toBeUndefined();
    });

    test("mail comes back in order, a bounded number for each recipient", () => {
      store = open({ mailMessages: 5 });
      const letters = Array.from({ length: 8 }, (_, i) => mail(i + 1, { chat: i % 2 === 0 }));
      for (const message of letters) {
        store.append({ ...emptyTurn, mail: [{ session: "s1", message }] });
      }
      store.append({ ...emptyTurn, mail: [{ session: "s2", message: mail(1, { alias: "A" }) }] });
      expect(store.mailAfter("s1", 0, 100)).toEqual(letters.slice(3));
      expect(store.mailAfter("s1", 6, 1)).toEqual(letters.slice(6, 7));
      expect(store.mailAfter("s1", 8, 9)).toEqual([]);
      expect(store.mailAfter("s2", 0, 9)).toEqual([mail(1, { alias: "A" })]);
    });

    test("mail over age is forgotten", () => {
      store = open({ maxAgeMs: 1_000, sessionAgeMs: 1e9 });
      const letters = Array.from({ length: 20 }, (_, i) => mail(i + 1, { timeMs: 100 * i }));
      for (const message of letters) {
        store.append({ ...emptyTurn, mail: [{ session: "s1", message }] });
      }
      tidyAll(store, 2_000);
      expect(store.mailAfter("s1", 0, 100)).toEqual(letters.slice(10));
    });

    test("sessions over age or number are forgotten with their mail, the oldest first", () => {
      store = open({ sessions: 10, sessionAgeMs: 1_000 });
      for (let i = 1; i <= 30; i++) {
        const id = `s${String(i).padStart(2, "0")}`;
        store.append({
          ...emptyTurn,
          sessions: [record(id, { mail: 1, seenMs: i, name: `ann${i}` })],
          mail: [{ session: id, message: mail(1) }],
        });
      }
      tidyAll(store, 1_022);
      expect(store.session("s21")).toBeUndefined();
      expect(store.sessionNamed("ann21", 0)).toBeUndefined();
      expect(store.mailAfter("s21", 0, 9)).toEqual([]);
      expect(store.session("s22")).toBeDefined();
      expect(store.mailAfter("s22", 0, 9)).toHaveLength(1);
      tidyAll(store, 2_000);
      expect(store.session("s30")).toBeUndefined();
    });

    test("a long turn is one turn", () => {
      store = open();
      store.append(says("lobby", 1, 5_000));
      expect(store.after("lobby", 4_321, 2).map(({ seq }) => seq)).toEqual([4_322, 4_323]);
      expect(store.after("lobby", 0, 10_000)).toEqual(says("lobby", 1, 5_000).said as Said[]);
    });

    test("says the same as a plain, slow twin", () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          store?.close();
          const retention = {
            messages: 12,
            mailMessages: 4,
            maxAgeMs: 50,
            sessionAgeMs: 60,
            goodbyeAgeMs: 30,
          };
          store = open(retention);
          const twin = new PlainHistory(store.epoch, retention);
          let nowMs = 1_000;
          for (const { kind, turn } of steps) {
            nowMs += 5;
            if (kind === "tidy") {
              tidyAll(store, nowMs);
              twin.tidy(nowMs);
            } else {
              const numbered = numberTurn(twin, turn, nowMs);
              store.append(numbered);
              twin.append(numbered);
            }
            expectSame(store, twin);
          }
        }),
        { numRuns: 60 },
      );
    });
  });
}

function seqs(page: readonly Said[]): number[] {
  return page.map(({ seq }) => seq);
}
