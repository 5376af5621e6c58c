// Secrets have the requested length, never repeat, and are safe in a URL and on a command line.

import { expect, test } from "bun:test";
import { secretBytes, secretText } from "../src/secrets.ts";

test("bytes and texts have their length and do not repeat", () => {
  const texts = new Set<string>();
  for (let i = 0; i < 1_000; i++) {
    const text = secretText(18);
    expect(text).toMatch(/^\w[\w-]{23}$/);
    expect(Buffer.from(text, "base64url")).toHaveLength(18);
    texts.add(text);
  }
  expect(texts.size).toBe(1_000);
  expect(secretBytes(32)).toHaveLength(32);
  expect(secretBytes(32)).not.toEqual(secretBytes(32));
  expect(secretText(16)).toMatch(/^\w[\w-]{21}$/);
});
