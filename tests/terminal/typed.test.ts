// What typed lines mean, and what Tab makes of them.

import { describe, expect, test } from "bun:test";
import { type Action, readTyped } from "../../src/terminal/chat-commands.ts";
import { complete } from "../../src/terminal/completion.ts";

describe("a typed line", () => {
  test.each<[string, Action]>([
    ["hello", { do: "say", text: "hello" }],
    ["  ", { do: "nothing" }],
    ["//quit", { do: "say", text: "/quit" }],
    ["/msg Bob,Cal  hi there", { do: "tell", to: ["Bob", "Cal"], text: "hi there" }],
    ["~Bob hi", { do: "tell", to: ["Bob"], text: "hi" }],
    ["/WHO", { do: "who" }],
    ["show", { do: "who" }],
    ["show me", { do: "say", text: "show me" }],
    ["get_list_file", { do: "files" }],
    ["download_file big file.bin", { do: "get", name: "big file.bin" }],
    ["/get -x 'y'.txt", { do: "get", name: "-x 'y'.txt" }],
    ["{quit}", { do: "quit" }],
    ["/msg Bob", { do: "explain", text: "Usage: /msg NAME[,NAME] TEXT" }],
    ["/room", { do: "explain", text: "Usage: /room NAME" }],
  ])("%j", (line, action) => expect(readTyped(line)).toEqual(action));

  test("that is no command says how to say it", () => {
    expect(readTyped("/toString x")).toMatchObject({ do: "explain" });
    expect(readTyped("/nope")).toMatchObject({ text: expect.stringContaining("//") });
  });
});

describe("Tab", () => {
  const words = { name: ["Ann", "Anton", "bob"], room: ["den"], file: ["big file.bin", "b.txt"] };
  test.each<[string, string, number]>([
    ["/wh", "/who ", 0],
    ["/r", "/r", 3],
    ["an", "an", 2],
    ["ann", "Ann: ", 0],
    ["hi BO", "hi bob ", 0],
    ["/msg bob,ant", "/msg bob,Anton ", 0],
    ["~b", "~bob ", 0],
    ["/get big", "/get big file.bin", 0],
    ["/get b", "/get b", 2],
    ["download_file b.", "download_file b.txt", 0],
    ["/room d", "/room den", 0],
    ["/msg bob an", "/msg bob an", 2],
    ["zzz", "zzz", 0],
  ])("%j", (before, after, choices) => {
    const completion = complete(before, words);
    expect([completion.before, completion.choices.length]).toEqual([after, choices]);
  });
});
