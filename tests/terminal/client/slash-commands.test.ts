// Parsing of typed lines, and completion with Tab.

import { describe, expect, test } from "bun:test";
import { readTyped, type TypedLine } from "../../../src/terminal/client/slash-commands.ts";
import { complete } from "../../../src/terminal/editor/completion.ts";

describe("a typed line", () => {
  test.each<[string, TypedLine]>([
    ["hello", { do: "say", text: "hello" }],
    ["  ", { do: "nothing" }],
    ["//quit", { do: "say", text: "/quit" }],
    ["/msg Bob,Cal  hi there", { do: "tell", to: ["Bob", "Cal"], text: "hi there" }],
    ["/WHO", { do: "who", room: undefined }],
    ["/who den", { do: "who", room: "den" }],
    ["/join den", { do: "go", room: "den" }],
    ["/join den  secret", { do: "go", room: "den", key: "secret" }],
    ["/join den a b", { do: "explain", text: "Usage: /join ROOM [KEY]" }],
    ["/room den", { do: "go", room: "den" }],
    ["/room", { do: "go", room: undefined }],
    ["/part", { do: "part", room: undefined }],
    ["/get -x 'y'.txt", { do: "get", name: "-x 'y'.txt" }],
    ["/msg Bob", { do: "explain", text: "Usage: /msg NAME[,NAME] TEXT" }],
    ["/join", { do: "explain", text: "Usage: /join ROOM [KEY]" }],
    ["/me waves", { do: "say", text: "waves", kind: "emote" }],
    ["/me", { do: "explain", text: "Usage: /me TEXT" }],
    ["/motd", { do: "motd" }],
    ["/motd off", { do: "order", command: "motd" }],
    ["/motd Hi all", { do: "order", command: "motd Hi all" }],
    ["/topic", { do: "topic", words: "" }],
    ["/whois Bob", { do: "whois", name: "Bob" }],
    ["/get", { do: "get", name: "" }],
    ["/history", { do: "history", limit: 20 }],
    ["/history 0", { do: "history", limit: 1 }],
    ["/history 100000", { do: "history", limit: 500 }],
    ["/history ten", { do: "explain", text: "Usage: /history [N]" }],
    ["/help", { do: "help" }],
    ["/help msg", { do: "explain", text: "/msg NAME[,NAME] TEXT: send a private message" }],
    ["/help /WHO", { do: "explain", text: "/who [ROOM]: list the people in a room" }],
    ["/help unban", { do: "explain", text: "/unban NAME|ADDRESS|KEY|#N: lift a ban" }],
    ["/help mgs", { do: "explain", text: "There is no command '/mgs': did you mean /msg?" }],
    [
      "/help toString",
      { do: "explain", text: "There is no command '/toString': /help lists them" },
    ],
  ])("%j", (line, action) => expect(readTyped(line)).toEqual(action));

  test.each(["~/.bashrc is broken", "~5 minutes left", "show", "get_list_file", "{quit}"])(
    "%j is text, whatever it means in the old systems' own clients",
    (line) => expect(readTyped(line)).toEqual({ do: "say", text: line }),
  );

  test.each([
    ["/hlep", "/help"],
    ["/jion den", "/join"],
    ["/rom den", "/room"],
    ["/exit", "/quit"],
    ["/ms", "/msg"],
    ["/serch tea", "/search"],
    ["/whoi5 Bob", "/whois"],
    ["/xyz", undefined],
    ["/nod Bob", undefined],
    ["/toString", undefined],
    [`/${"j".repeat(10_000)}`, undefined],
  ])("with a mistyped command is told the nearest one (%#)", (line, nearest) => {
    const typed = readTyped(line);
    const text = typed.do === "explain" ? typed.text : "";
    if (nearest !== undefined) expect(text).toContain(`did you mean ${nearest}?`);
    else expect(text).toContain("/help lists them");
  });

  test("that is not a command explains how to send it as text", () => {
    expect(readTyped("/toString x")).toMatchObject({ do: "explain" });
    expect(readTyped("/nope")).toMatchObject({
      text: expect.stringContaining("type another / before it"),
    });
  });
});

describe("Tab", () => {
  const words = {
    member: ["Ann", "Anton", "bob"],
    name: ["Ann", "Anton", "bob", "elsewhere"],
    room: ["den"],
    file: ["big file.bin", "b.txt"],
  };
  test.each<[string, string, number]>([
    ["/wh", "/who", 2],
    ["/whoi", "/whois ", 0],
    ["/re", "/re", 3],
    ["/rej", "/reject ", 0],
    ["/r", "/r", 5],
    ["an", "an", 2],
    ["ann", "Ann: ", 0],
    ["hi BO", "hi bob ", 0],
    ["/msg bob,ant", "/msg bob,Anton ", 0],
    ["~b", "~b", 0],
    ["/msg els", "/msg elsewhere ", 0],
    ["els", "els", 0],
    ["/get big", "/get big file.bin", 0],
    ["/get b", "/get b", 2],
    ["/room d", "/room den", 0],
    ["/JOIN d", "/JOIN den", 0],
    ["/part d", "/part den", 0],
    ["/msg bob an", "/msg bob an", 2],
    ["/help who", "/help who", 2],
    ["/help whoi", "/help whois", 0],
    ["/help /unb", "/help /unban", 0],
    ["zzz", "zzz", 0],
  ])("%j", (before, after, choices) => {
    const completion = complete(before, words);
    expect([completion.before, completion.choices.length]).toEqual([after, choices]);
  });
});
