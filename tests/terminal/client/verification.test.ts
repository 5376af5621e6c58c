// `/verify`: both users see the same words, unless somebody shows one of them another key.

import { expect, test } from "bun:test";
import { Verification } from "../../../src/terminal/client/verification.ts";
import { wordsOf } from "../../../src/tls/key-words.ts";

type Shown = { name: string; keys: readonly string[] };

/** The output for a user with that key, if the server reports this key of the other user. */
function shownTo(key: string | undefined, own: Shown, other: Shown): string[] {
  const said: string[] = [];
  const asked: string[] = [];
  const verification = new Verification({
    ownKey: key,
    ownName: () => own.name,
    wordsOf,
    ask: (name) => asked.push(name),
    confirmed: () => {},
    say: (text) => said.push(text),
  });
  verification.start(other.name);
  for (const side of asked.map((name) => (name === own.name ? own : other))) {
    verification.handle({ type: "keys", registered: true, ...side });
  }
  return said;
}

/** The words, without the sentences around them. */
function words(said: readonly string[]): string[] {
  return said.filter((line) => line.startsWith("  "));
}

const ann = { name: "Ann", keys: ["a1", "a2"] };
const bob = { name: "Bob", keys: ["b1"] };

test("both see the same", () => {
  const toAnn = shownTo("a1", ann, bob);
  const toBob = shownTo("b1", bob, { ...ann, keys: ["a2", "a1"] });
  expect(words(toAnn)).toEqual(words(toBob));
  expect(words(toAnn)).toEqual([
    `  Ann (2 devices): ${wordsOf(["a1", "a2"])}`,
    `  Bob (1 device): ${wordsOf(["b1"])}`,
  ]);
});

test("a key inserted by the server is noticed", () => {
  const mallory = { name: "Bob", keys: ["m1"] };
  const toAnn = shownTo("a1", ann, mallory);
  const toBob = shownTo("b1", bob, ann);
  expect(words(toAnn)).not.toEqual(words(toBob));
  const added = { name: "Bob", keys: ["b1", "m1"] };
  expect(words(shownTo("a1", ann, added))).not.toEqual(words(toBob));
});

test("keys that can't be compared are reported", () => {
  expect(shownTo(undefined, ann, bob)[0]).toContain("This device has no key");
  expect(shownTo("a9", ann, bob)[0]).toContain("does not know this device's key");
  expect(shownTo("a1", ann, { name: "Bob", keys: [] })[0]).toContain("Bob has no key");
  expect(shownTo("a1", ann, ann)[0]).toContain("somebody else");
});

test("only the keys whose words were shown are confirmed", () => {
  const said: string[] = [];
  const confirmed: [string, readonly string[]][] = [];
  const verification = new Verification({
    ownKey: "a1",
    ownName: () => "Ann",
    wordsOf,
    ask: () => {},
    confirmed: (...what) => confirmed.push(what),
    say: (text) => said.push(text),
  });
  verification.confirm("Bob");
  expect(said.at(-1)).toContain("Compare first");
  verification.start("bob");
  for (const side of [ann, bob]) verification.handle({ type: "keys", registered: true, ...side });
  verification.confirm("Cal");
  expect(confirmed).toEqual([]);
  verification.confirm("BOB");
  verification.confirm("Bob");
  expect(confirmed).toEqual([["Bob", ["b1"]]]);
});

test("the answers to an earlier /verify are not compared with those to a later one", () => {
  const said: string[] = [];
  const verification = new Verification({
    ownKey: "a1",
    ownName: () => "Ann",
    wordsOf,
    ask: () => {},
    confirmed: () => {},
    say: (text) => said.push(text),
  });
  const cal = { name: "Cal", keys: ["c1"] };
  const answer = (side: Shown) => verification.handle({ type: "keys", registered: true, ...side });
  verification.start("Bob");
  answer(ann);
  verification.start("Cal");
  for (const side of [bob, ann, cal]) answer(side);
  expect(words(said)).toEqual([
    `  Ann (2 devices): ${wordsOf(["a1", "a2"])}`,
    `  Cal (1 device): ${wordsOf(["c1"])}`,
  ]);
});
