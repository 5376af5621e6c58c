// Links and code in messages: what is recognized, and that nothing else in a text changes.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { type RichPart, richText } from "../../src/page/rich-text.ts";
import { cpuMsOf } from "../cpu-time.ts";

const shown = (text: string) => richText(text).map((part) => `${part.type}:${part.text}`);

test.each<[string, string[]]>([
  ["see https://a.example/x.", ["text:see ", "link:https://a.example/x", "text:."]],
  ["(https://a.example/x_(y))", ["text:(", "link:https://a.example/x_(y)", "text:)"]],
  ["HTTP://A.example?q=1&r=2, ok", ["link:HTTP://A.example?q=1&r=2", "text:, ok"]],
  ["<https://a.example>", ["text:<", "link:https://a.example", "text:>"]],
  ["javascript:alert(1) data:text/html,x file:///etc", []],
  ["https://bank.example@evil.example/", []],
  ["https:// and xhttps://a.example", []],
  ["run `make all` now", ["text:run ", "code:make all", "text: now"]],
  ["``a ` b``", ["code:a ` b"]],
  ["`https://a.example`", ["code:https://a.example"]],
  ["it`s and `one", []],
  ["```\nx = 1\n  y\n```", ["block:x = 1\n  y"]],
  [
    "so:\n```ts\n`a` https://a.example\n```\nok",
    ["text:so:", "block:`a` https://a.example", "text:ok"],
  ],
  ["```\nno end", []],
])("%j", (text, parts) => {
  expect(shown(text)).toEqual(parts.length === 0 ? [`text:${text}`] : parts);
});

const piece = fc.constantFrom(
  "`",
  "``",
  "```",
  "\n",
  "https://a.b",
  "(",
  ")",
  ".",
  "@",
  " ",
  "x",
  "\u202e",
);

/** Without characters that may mark code: backticks, and lines around a block. */
function plain(text: string): string {
  const lines = text.split("\n").filter((line) => !/^```[\w+#.-]*\s*$/.test(line));
  return lines.join("").replaceAll("`", "");
}

test("links only lead to the web, and no letter is lost or added", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join("");
      const parts = richText(text);
      for (const part of parts) {
        if (part.type === "link") expect(part.href).toMatch(/^https?:\/\//);
      }
      const joined = parts.map(({ type, text }: RichPart) => {
        if (type === "code") return `\`${text}\``;
        return type === "block" ? `\n${text}\n` : text;
      });
      expect(plain(joined.join(""))).toBe(plain(text));
    }),
    { numRuns: 3_000 },
  );
});

test("hostile texts take no time", () => {
  const hostile = ["`a", "``a `", "https://a.b))))", "```\n", "https://", "(".repeat(9), "`` ` "];
  for (const unit of hostile) {
    const text = unit.repeat(Math.ceil(16_384 / unit.length)).slice(0, 16_384);
    const cpuMs = cpuMsOf(() => expect(richText(text).length).toBeLessThanOrEqual(500));
    expect(cpuMs).toBeLessThan(500);
  }
});
