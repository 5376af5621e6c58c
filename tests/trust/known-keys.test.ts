// The list of users' keys as text: lines that a user or a server could have corrupted, and what
// counts as a change.

import { expect, test } from "bun:test";
import {
  areKeys,
  compareKeys,
  findKnownKeys,
  isListable,
  knownKeysLine,
} from "../../src/trust/known-keys.ts";

const keyOf = (n: number) => Buffer.alloc(32, n).toString("base64url");
const [one, two] = [keyOf(1), keyOf(2)];
const here = "chat.example:55000";

test("the last of several lines counts, for that server and name in any spelling", () => {
  let text = "# people";
  text += knownKeysLine(text, here, "Bob", { keys: [one], isVerified: false });
  text += knownKeysLine(text, "other:1", "Bob", { keys: [two], isVerified: true });
  expect(findKnownKeys(text, "CHAT.example:55000", "BOB")).toEqual({
    kind: "known",
    known: { keys: [one], isVerified: false },
  });
  text += knownKeysLine(text, here, "bob", { keys: [one, two], isVerified: true });
  expect(findKnownKeys(text, here, "Bob")).toEqual({
    kind: "known",
    known: { keys: [one, two], isVerified: true },
  });
  text += knownKeysLine(text, here, "bob", undefined);
  expect(findKnownKeys(text, here, "Bob")).toEqual({ kind: "unknown" });
  expect(findKnownKeys(text, here, "Cal")).toEqual({ kind: "unknown" });
  expect(text.split("\n").map((line) => line.split(" ").slice(0, 3).join(" "))).toEqual([
    "# people",
    "chat.example:55000 bob met",
    "other:1 bob verified",
    "chat.example:55000 bob verified",
    "chat.example:55000 bob none",
    "",
  ]);
});

test("keys that were known before are gone, until they are accepted or the person is forgotten", () => {
  const three = keyOf(3);
  const lines = [[one, two], [one, three], [two], [one, two], undefined, [three]];
  let text = "";
  const gone = lines.map((keys) => {
    text += knownKeysLine(text, here, "Bob", keys && { keys, isVerified: false });
    const found = findKnownKeys(text, here, "Bob");
    return found.kind === "known" ? (found.known.gone ?? []) : found.kind;
  });
  expect(gone).toEqual([[], [two], [one, three], [three], "unknown", []]);
});

test.each([
  ["no state", `${here} bob`],
  ["another state", `${here} bob friend ${one}`],
  ["no keys", `${here} bob met`],
  ["half a key", `${here} bob met ${one.slice(1)}`],
  ["more words", `${here} bob met ${one} ${two}`],
])("a spoiled line (%s) is not somebody never met", (_, line) => {
  const before = `${here} bob met ${one}\n`;
  expect(findKnownKeys(`${before}${line}\n`, here, "Bob")).toEqual({ kind: "malformed", line: 2 });
});

test("an unknown key is a change, however many keys are known", () => {
  expect(compareKeys([one, two], [two, one])).toBe("same");
  expect(compareKeys([one, two], [two])).toBe("fewer");
  expect(compareKeys([one], [one, two])).toBe("changed");
  expect(compareKeys([one], [two])).toBe("changed");
  expect(compareKeys([one], [])).toBe("changed");
});

test("invalid names and keys from a server never become lines", () => {
  expect(["Bob", "Zoë", "李"].every(isListable)).toBe(true);
  const hostile = ["", "Bob met", "Bob\n", "a\u2028b", "a\u00a0b", "\u001b[2J", "a\tb"];
  expect(hostile.some(isListable)).toBe(false);
  expect(areKeys([one, two])).toBe(true);
  const bad = [[], [`${one},${two}`], [one.slice(1)], ["a b"], Array(17).fill(one) as string[]];
  expect(bad.some(areKeys)).toBe(false);
});
