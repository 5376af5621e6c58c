// The line typed in answer to a question: what is erased, and where it ends.

import { expect, test } from "bun:test";
import { passwords } from "../../../src/limits.ts";
import { AskedLine } from "../../../src/terminal/editor/asked-line.ts";
import { KeyReader } from "../../../src/terminal/editor/keys.ts";

function typed(text: string): { text: string; shown: string; outcomes: unknown[] } {
  let shown = "";
  const line = new AskedLine((piece) => (shown += piece));
  const outcomes = new KeyReader().push(text).map((key) => line.handleKey(key));
  return { text: line.text, shown, outcomes: outcomes.filter((one) => one !== undefined) };
}

test("backspace erases a whole character, whatever its length in UTF-16", () => {
  expect(typed("a\u{1F511}\u007f").text).toBe("a");
  expect(typed("é\u{1F511}\u{1F511}\u007f\u007f\u007f\u007fx").text).toBe("x");
  expect(typed("ab\u{1F511}\u0015c").text).toBe("c");
});

test("Enter and a pasted line end are the end; too much is not taken", () => {
  expect(typed("secret\r")).toMatchObject({ text: "secret", outcomes: ["done"] });
  expect(typed("\u001b[200~secret\r\n\u001b[201~")).toMatchObject({
    text: "secret",
    outcomes: ["done"],
  });
  expect(typed(`a${"x".repeat(passwords.maxChars)}`).text.length).toBeLessThanOrEqual(
    passwords.maxChars,
  );
});
