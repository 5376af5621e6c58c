// Paths typed at a prompt: completed with Tab, and what is completed is what is sent.

import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { complete } from "../../../src/terminal/editor/completion.ts";
import { completePeerLine } from "../../../src/terminal/peer/peer-completion.ts";
import { completePath, pathsOf } from "../../../src/terminal/editor/typed-paths.ts";
import { testFolder } from "../../test-folder.ts";

const base = testFolder("typed paths");

const files = ["report.pdf", "two words.txt", "photos/a.jpg", ".hidden", "it's", "back\\slash"];

beforeAll(() => {
  for (const folder of ["photos", "empty folder"]) mkdirSync(join(base, folder));
  for (const name of [...files, "line\nend", "esc\u001b[2J", "Aa", "ab"]) {
    writeFileSync(join(base, name), "");
  }
});

const bare = (path: string) => join(base, path).replaceAll(/[\s\\]/g, "\\$&");

test.each([
  [bare("rep"), `${bare("report.pdf")} `],
  [`"${base}/two`, `"${base}/two words.txt" `],
  [`'${base}/two`, `'${base}/two words.txt' `],
  [bare("two"), `${bare("two words.txt")} `],
  [bare("ph"), `${bare("photos")}/`],
  [`"${base}/emp`, `"${base}/empty folder/`],
  [bare("photos/"), `${bare("photos/a.jpg")} `],
  [bare(".h"), `${bare(".hidden")} `],
  [bare("it"), `${bare("it's")} `],
  // In these quotation marks it can't be typed.
  [`'${base}/it`, `'${base}/it`],
  [bare("back"), `${bare("back\\slash")} `],
  [`one ${bare("rep")}`, `one ${bare("report.pdf")} `],
  // Names that nobody could type, or read.
  [bare("line"), bare("line")],
  [bare("esc"), bare("esc")],
  [bare("none"), bare("none")],
  [`${bare("nowhere")}/x`, `${bare("nowhere")}/x`],
])("Tab after %j", (before, after) => {
  expect(completePath(before)).toEqual({ before: after, choices: [] });
});

test("several choices are offered, without hidden files, and their common start is typed", () => {
  const all = completePath(`${bare("")}/`);
  expect(all.choices).toEqual([
    "Aa",
    "ab",
    "back\\slash",
    "empty folder",
    "it's",
    "photos",
    "report.pdf",
    "two words.txt",
  ]);
  expect(all.before).toBe(`${bare("")}/`);
  writeFileSync(join(base, "report.txt"), "");
  expect(completePath(bare("r"))).toEqual({
    before: bare("report."),
    choices: ["report.pdf", "report.txt"],
  });
  rmSync(join(base, "report.txt"));
});

test("what Tab completes is what is sent", () => {
  for (const name of files) {
    const { before } = completePath(bare(name));
    expect(pathsOf(before)).toEqual([join(base, name)]);
    expect(pathsOf(`${before}${bare("Aa")}`)).toEqual([join(base, name), join(base, "Aa")]);
  }
});

test("~ is the home folder", () => {
  expect(pathsOf("~/x 'a b'")).toEqual([join(homedir(), "x"), "a b"]);
});

describe("where paths are typed", () => {
  const words = { member: [], name: ["Bob"], room: [], file: [], path: completePath };

  test.each([
    ["/send b", "/send Bob "],
    [`/send Bob ${bare("rep")}`, `/send Bob ${bare("report.pdf")} `],
    [`/share ${bare("rep")}`, `/share ${bare("report.pdf")} `],
    [`hello ${bare("rep")}`, `hello ${bare("rep")}`],
  ])("at the prompt of the client: %j", (before, after) => {
    expect(complete(before, words).before).toBe(after);
  });

  test.each([
    [`/send ${bare("rep")}`, `/send ${bare("report.pdf")} `, 0],
    ["/br", "/bridge", 0],
    ["/v", "/verif", 2],
    ["/verif", "/verif", 2],
    ["hello /b", "hello /b", 0],
  ])("in a call: %j", (before, after, choices) => {
    const completion = completePeerLine(before);
    expect([completion.before, completion.choices.length]).toEqual([after, choices]);
  });
});
