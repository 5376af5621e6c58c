// Searching a room's history: what is found, how far one request searches, and who may search.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { join } from "node:path";
import { matches, searchWords } from "../../../src/chat/history/search-words.ts";
import { history, search as limits } from "../../../src/limits.ts";
import { answerRequest } from "../../../src/store/answer.ts";
import { openSqliteStore } from "../../../src/store/sqlite/store.ts";
import { cpuMsOf } from "../../cpu-time.ts";
import { memoryAnswerer, Rig } from "../rig.ts";
import type { Answerer } from "../rig.ts";
import { testFolder } from "../../test-folder.ts";

const folder = testFolder("search");

let files = 0;

const stores: [string, () => Answerer][] = [
  ["memory", memoryAnswerer],
  [
    "SQLite",
    () => {
      const store = openSqliteStore(join(folder, `${++files}.db`));
      return (request) => answerRequest(store, request);
    },
  ],
];

type Found = { messages: { seq: number; text: string }[]; next?: number };

/** Ann in the lobby, with these messages in its history. */
function roomWith(texts: readonly string[], answerer = memoryAnswerer()) {
  const rig = new Rig({}, answerer);
  const bob = rig.member("Bob");
  for (let i = 0; i < texts.length; i += 1_000) {
    bob.queue(...texts.slice(i, i + 1_000).map((text) => ({ type: "say", room: "lobby", text })));
    rig.settle();
  }
  const ann = rig.member("Ann");
  const ask = (text: string, more: object = {}): Found => {
    ann.text();
    ann.send({ type: "search", room: "lobby", text, ref: 1, ...more });
    const found = ann.lines().find(({ type }) => type === "found");
    if (found === undefined) throw new Error("no answer");
    return found as unknown as Found;
  };
  return { rig, ann, ask };
}

test("a message matches if it has all words, in any case and width", () => {
  const cases: [string, string, boolean][] = [
    ["Make TEA at noon", "tea MAKE", true],
    ["Make tea", "tea coffee", false],
    ["Ｔｅａ für Zoë", "tea zoë", true],
    ["teapot", "tea", true],
    ["in der Straße", "STRASSE", true],
    ["MASSE", "maße", true],
    ["", "tea", false],
  ];
  for (const [text, asked, isMatch] of cases) {
    expect([text, asked, matches(text, searchWords(asked))]).toEqual([text, asked, isMatch]);
  }
  expect(searchWords("  \t ")).toEqual([]);
});

for (const [name, open] of stores) {
  test(`${name}: request by request, a search finds what a filter finds`, () => {
    const word = fc.constantFrom("tea", "Tea", "cake", "x", "teapot");
    const text = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join(" "));
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        (texts, limit) => {
          const { ask } = roomWith(texts, open());
          const found: number[] = [];
          let before: number | undefined;
          for (let round = 0; ; round++) {
            expect(round).toBeLessThan(50);
            const { messages, next } = ask("TEA", { limit, ...(before && { before }) });
            expect(messages.length).toBeLessThanOrEqual(limit);
            found.unshift(...messages.map(({ seq }) => seq));
            if (next === undefined) break;
            before = next;
          }
          const wanted = texts.flatMap((said, i) => (/tea/i.test(said) ? [i + 1] : []));
          expect(found).toEqual(wanted);
        },
      ),
      { numRuns: 12 },
    );
  });
}

test("one request searches a bounded part, and says where to continue", () => {
  const count = limits.scannedMessages + 2 * history.pageMessages;
  const texts = Array.from({ length: count }, (_, i) => (i === 0 ? "needle" : `hay ${i}`));
  const { ask } = roomWith(texts);
  const first = ask("needle");
  expect(first.messages).toEqual([]);
  expect(first.next).toBe(count - limits.scannedMessages + 1);
  const second = ask("needle", { before: first.next });
  expect(second).toMatchObject({ messages: [{ seq: 1, text: "needle" }] });
  expect(second.next).toBeUndefined();
});

test("long messages are counted by the length of their text", () => {
  const long = "x".repeat(16_000);
  const pages = Math.ceil(limits.scannedChars / long.length / history.pageMessages);
  const { ask } = roomWith(Array.from({ length: history.pageMessages + 20 }, () => long));
  expect(pages).toBe(1);
  expect(ask("needle").next).toBe(21);
});

test("messages deleted by an operator are not found", () => {
  const { rig, ask } = roomWith(["tea one", "tea two"]);
  rig.order("delete lobby 1");
  expect(ask("tea").messages.map(({ seq }) => seq)).toEqual([2]);
  expect(ask("deleted operator").messages).toEqual([]);
});

/** Normalizing this would sort the marks, in quadratic time. */
function marks(length: number): string {
  return `a${"\u0345".repeat(length / 2)}${"\u0334".repeat(length / 2)}`;
}

test("neither a search nor the texts that it reads can consist of marks that take long to sort", () => {
  const { ann, ask } = roomWith(Array.from({ length: 20 }, () => marks(16_000)));
  const cpuMs = cpuMsOf(() => {
    expect(ask("needle").messages).toEqual([]);
    ann.send({ type: "search", room: "lobby", text: marks(60_000), ref: 8 });
  });
  expect(ann.lines()).toContainEqual(expect.objectContaining({ code: "text-invalid", ref: 8 }));
  // One such text took half a second, and that search ten.
  expect(cpuMs).toBeLessThan(2_000);
});

test("only members of the room may search, and only for words", () => {
  const { rig, ann } = roomWith(["tea"]);
  const cal = rig.member("Cal");
  cal.send({ type: "join", room: "den" }, { type: "say", room: "den", text: "secret tea" });
  for (const [room, text, code] of [
    ["den", "tea", "not-in-room"],
    ["nowhere", "tea", "not-in-room"],
    ["lobby", " ", "text-invalid"],
    ["lobby", "x".repeat(limits.maxTextChars + 1), "text-invalid"],
  ]) {
    ann.text();
    ann.send({ type: "search", room, text, ref: 7 });
    expect(ann.lines()).toEqual([expect.objectContaining({ type: "error", code, ref: 7 })]);
  }
});

test("a search is charged for the data it reads, so that nobody can keep the server busy", () => {
  const rates = { messagesPerSecond: 100, bytesPerSecond: 64 * 1024 };
  const rig = new Rig({ rates });
  const bob = rig.member("Bob");
  for (let i = 0; i < 40; i++) {
    bob.send(
      ...Array.from({ length: 100 }, (_, k) => ({ type: "say", room: "lobby", text: `${k}` })),
    );
    rig.pass(1_000);
  }
  const ann = rig.member("Ann");
  ann.text();
  const asked = { type: "search", room: "lobby", text: "nothing" };
  ann.send(...Array.from({ length: 60 }, (_, i) => ({ ...asked, ref: i })));
  const answered = ann.lines().filter(({ type }) => type === "found").length;
  expect(answered).toBeGreaterThan(0);
  expect(answered).toBeLessThan(20);
  rig.pass(10_000);
  ann.text();
  ann.send({ ...asked, ref: 61 });
  expect(ann.text()).toContain('"type":"found"');
});
