// The names under which open-chat lists files: harmless, and each means one file.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { harmless } from "../../../src/text.ts";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { listedFiles, listedName } from "../../../src/dialects/open-chat/listed-files.ts";
import { peer, welcome } from "../events.ts";

const shown = (...names: string[]) =>
  Object.fromEntries(
    Array.from(listedFiles(names.map((name) => ({ name }))), ([listed, { name }]) => [
      listed,
      name,
    ]),
  );

test("plain names are listed as they are, in their order", () => {
  const names = ["a.txt", "b b.png", "Zoë", "小明", ".hidden"];
  expect(Object.entries(shown(...names))).toEqual(names.map((name) => [name, name]));
});

test("characters that could move a cursor or forge a line are removed", () => {
  expect(
    shown("esc\u001b[31m.txt", "nl\nMallory: forged", "bidi\u202etxt", "ls\u2028x", " a "),
  ).toEqual({
    "esc.txt": "esc\u001b[31m.txt",
    "nl Mallory: forged": "nl\nMallory: forged",
    biditxt: "bidi\u202etxt",
    "ls x": "ls\u2028x",
    a: " a ",
  });
});

test("if names look the same, only the real one is listed, or none", () => {
  const red = "a\u001b[31m";
  const bell = "a\u0007";
  for (const names of [
    ["a", red, bell],
    [red, "a", bell],
    [bell, red, "a"],
  ]) {
    expect(shown(...names)).toEqual({ a: "a" });
  }
  expect(shown(red, bell)).toEqual({});
  expect(shown(red, bell, "a ", "b")).toEqual({ b: "b" });
});

test("an invisible name is not listed", () => {
  expect(shown("\u0001", " ", "\u001b[2J", "\u200b", "\ufeff")).toEqual({});
});

test("in any folder a listed name is harmless, can be requested, and means one file", () => {
  const piece = fc.constantFrom("a", "b", " ", "\u0007", "\u001b[31m", "\n", "\u202e", "\u001b");
  const name = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 12 }), (names) => {
      const listed = Object.entries(shown(...names));
      for (const [as, real] of listed) {
        expect([harmless(as), as.trim(), listedName(as), listedName(real)]).toEqual([
          as,
          as,
          as,
          as,
        ]);
      }
      for (const plain of names.filter((each) => listedName(each) === each)) {
        expect(listed).toContainEqual([plain, plain]);
      }
      const message = openChat.open(peer);
      message.receive("Ann");
      message.render(welcome("Ann"));
      for (const [as] of listed) {
        expect(message.receive(`download_file ${as}`)).toEqual({ type: "download", name: as });
      }
    }),
    { numRuns: 2_000 },
  );
});
