// Lines of `--json-in`: valid commands, and the answers to invalid ones.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { readPipeCommand } from "../../../src/terminal/pipe/pipe-command.ts";

test.each([
  ['{"say":"hi"}', { do: "say", room: undefined, text: "hi" }],
  ['{"say":"hi","room":"den","ref":1}', { do: "say", room: "den", text: "hi" }],
  ['{"to":"Ann","text":"hi"}', { do: "tell", to: ["Ann"], text: "hi" }],
  ['{"to":["Ann","Bob","ANN"],"text":"hi"}', { do: "tell", to: ["Ann", "Bob"], text: "hi" }],
  ['{"say":"hi","kind":"notice"}', { do: "say", text: "hi", kind: "notice" }],
  ['{"enter":"den"}', { do: "enter", room: "den" }],
  ['{"enter":"den","key":"k"}', { do: "enter", room: "den", key: "k" }],
  ['{"part":"den"}', { do: "part", room: "den" }],
  ['{"get":"a.txt"}', { do: "get", file: "a.txt" }],
  ['{"send":"a.txt","to":"Bob"}', { do: "send", paths: ["a.txt"], to: "Bob" }],
  ['{"send":["a","b/"],"to":"Bob"}', { do: "send", paths: ["a", "b/"], to: "Bob" }],
])("%s is a command", (line, command) => {
  expect(readPipeCommand(line)).toMatchObject({ command });
});

test.each([
  ["", "not a JSON object"],
  ["[]", "not a JSON object"],
  ["{}", "There is no command in this object"],
  ['{"ref":1,"send":"a"}', "`to` must be a string"],
  ['{"constructor":1}', "There is no command 'constructor'"],
  ['{"say":"a","get":"b"}', "say and get"],
  ['{"say":1}', "`say` must be a string"],
  ['{"say":"a","kind":"shout"}', "`kind` must be emote or notice"],
  ['{"to":[],"text":"a"}', "names nobody"],
  ['{"to":"ALL","text":"a"}', "ALL"],
  ['{"to":"Ann"}', "`text` must be a string"],
  ['{"enter":"a b"}', "a b"],
  ['{"say":"a","ref":{}}', "`ref` must be"],
])("%s is none", (line, said) => {
  expect(readPipeCommand(line)).toMatchObject({
    problem: { code: "usage", message: expect.stringContaining(said) },
  });
});

test("any line is a command or a problem", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      const read = readPipeCommand(line);
      expect("command" in read).not.toBe("problem" in read);
    }),
  );
});
