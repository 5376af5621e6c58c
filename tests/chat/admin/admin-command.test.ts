// Operator commands: parsing, and the error messages for everything else.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { adminCommands, readAdminCommand } from "../../../src/chat/admin/admin-command.ts";

const dayMs = 86_400_000;

test.each([
  ["kick Bob", { do: "kick", name: "Bob", reason: "" }],
  ["KICK  Bob   being  rude ", { do: "kick", name: "Bob", reason: "being rude" }],
  ["ban Bob", { do: "ban", target: "Bob", reason: "", termMs: undefined }],
  ["ban Bob --for 1d spam", { do: "ban", target: "Bob", reason: "spam", termMs: dayMs }],
  [
    "ban --for 2w 192.0.2.0/24",
    { do: "ban", target: "192.0.2.0/24", reason: "", termMs: 14 * dayMs },
  ],
  ["mute Bob spam --for 90s", { do: "mute", target: "Bob", reason: "spam", termMs: 90_000 }],
  ["ban Bob 1d spam", { do: "ban", target: "Bob", reason: "spam", termMs: dayMs }],
  ["mute Bob 90s", { do: "mute", target: "Bob", reason: "", termMs: 90_000 }],
  ["mute Bob for 1d", { do: "mute", target: "Bob", reason: "", termMs: dayMs }],
  ["mute Bob 90s late --for 1d", { do: "mute", target: "Bob", reason: "90s late", termMs: dayMs }],
  ["ban Bob 3rd warning", { do: "ban", target: "Bob", reason: "3rd warning", termMs: undefined }],
  ["ban Bob for spam", { do: "ban", target: "Bob", reason: "for spam", termMs: undefined }],
  ["kick Bob asks --for ever", { do: "kick", name: "Bob", reason: "asks --for ever" }],
  ["kick Bob 2 many lines", { do: "kick", name: "Bob", reason: "2 many lines" }],
  ["unban #3", { do: "unban", target: "#3" }],
  ["who --long", { do: "who", long: true }],
  ["who", { do: "who", long: false }],
  ["topic den  tea   at noon", { do: "topic", room: "den", text: "tea at noon" }],
  ["topic den  what is --for 1d", { do: "topic", room: "den", text: "what is --for 1d" }],
  ["unshare  a  b\u3000.txt\u202f ", { do: "unshare", name: "a  b\u3000.txt\u202f" }],
] as const)("%s", (line, command) => {
  expect(readAdminCommand(line)).toEqual(command);
});

test.each([
  ["", "There is no command ''"],
  ["kik Bob", "did you mean kick?"],
  [`${"x".repeat(1_000)}`, "help lists them"],
  [`${"x".repeat(10_000)}`, "The command has 10000 characters"],
  ["constructor", "There is no command 'constructor'"],
  ["kick", "Usage: kick NAME"],
  ["ban", "Usage: ban NAME|ADDRESS"],
  ["ban Bob --for", "--for '' is not a term"],
  ["ban Bob --for 1", "--for '1' is not a term"],
  ["ban Bob --for 0d", "--for '0d' is not a term"],
  ["ban Bob --for 99999w", "up to 10 years"],
  ["mute Bob 10min", "'10min' is not a term: use 30m"],
  ["ban Bob 10 Minutes spam", "'10 Minutes' is not a term: use 30m"],
  ["ban Bob 99999w", "up to 10 years"],
  ["kick Bob 10m", "A kick has no term"],
  ["kick Bob --for 1d", "--for is for ban, mute, pass, token, and kick has nothing like it"],
  ["remove den Bob --for 1d", "and remove has nothing like it: leave it out"],
  ["unban a b", "Usage: unban"],
  ["bans now", "Usage: bans"],
  [`kick Bob ${"x".repeat(257)}`, "The reason has 257 characters: use at most 256"],
  [`topic den ${"x".repeat(257)}`, "The text has 257 characters: use at most 256"],
  ["unshare  ", "Usage: unshare NAME"],
])("%s is answered: %s", (line, sentence) => {
  const problem = readAdminCommand(line);
  expect(typeof problem).toBe("string");
  expect(String(problem)).toContain(sentence);
});

test("a reason to kick somebody may begin like a term", () => {
  expect(readAdminCommand("kick Bob 10 days of spam")).toMatchObject({
    do: "kick",
    name: "Bob",
    reason: "10 days of spam",
  });
});

test("any input is either a command of the table or an error message", () => {
  const word = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom("--for", "1d", "Bob", "__proto__"),
  );
  const first = fc.oneof(word, fc.constantFrom(...Object.keys(adminCommands)));
  fc.assert(
    fc.property(first, fc.array(word, { maxLength: 4 }), (first, words) => {
      const read = readAdminCommand([first, ...words].join(" "));
      if (typeof read !== "string") expect(Object.hasOwn(adminCommands, read.do)).toBe(true);
      else
        expect(read).toMatch(
          /^(?:There is no command|Usage: |--for |--uses |A kick has|'|The (?:reason|text) has )/,
        );
    }),
  );
});
