// The content of a sealed message: written by another user, and hostile.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeSealed, encodeSealed } from "../../src/client/sealed-text.ts";

const id = "A".repeat(22);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a round trip of encoding and decoding", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(), (text, timeMs) => {
      expect(decodeSealed(encodeSealed({ id, timeMs, text }))).toEqual({ id, timeMs, text });
    }),
  );
});

test("any bytes are decoded or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeSealed(bytes)).toBeUndefined();
    }),
  );
});

test("deeply nested texts, and those with very many values, are refused unparsed", () => {
  const fields = `"id":"${id}","time":1,"text":"hello"`;
  const depth = 50_000;
  const nested = `{${fields},"more":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  const many = `{${fields},"more":[${"0,".repeat(50_000)}0]}`;
  expect(decodeSealed(bytesOf(`{${fields},"more":[[1]]}`))).toEqual({
    id,
    timeMs: 1,
    text: "hello",
  });
  for (const hostile of [nested, many]) expect(decodeSealed(bytesOf(hostile))).toBeUndefined();
});
