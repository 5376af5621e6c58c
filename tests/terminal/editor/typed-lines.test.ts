// Lines from stdin: split anywhere, bounded, with an unterminated last one.

import { expect, test } from "bun:test";
import { message as limits } from "../../../src/limits.ts";
import { typedLines } from "../../../src/terminal/editor/typed-lines.ts";

async function* pieces(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? new TextEncoder().encode(part) : part;
}

const lines = (...parts: readonly (string | Uint8Array)[]) =>
  Array.fromAsync(typedLines(pieces(...parts)));

test("lines end in \\n or \\r\\n, the last one in nothing; split anywhere", async () => {
  const all = new TextEncoder().encode("ä\r\n\nb 👋\nlast");
  for (let cut = 0; cut <= all.length; cut++) {
    const read = await lines(all.subarray(0, cut), all.subarray(cut));
    expect(read).toEqual(["ä", "", "b 👋", "last"]);
  }
  expect(await lines("one\n")).toEqual(["one"]);
  expect(await lines()).toEqual([]);
});

test("a line of 100 MB is cut at the limit, and the next one is whole", async () => {
  const part = new Uint8Array(1024 * 1024).fill(120);
  const [long, next, ...rest] = await lines(...Array.from({ length: 100 }, () => part), "\nnext\n");
  expect(long).toHaveLength(limits.maxLineBytes);
  expect(next).toBe("next");
  expect(rest).toEqual([]);
});
