// Pins in users' notation.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { isPin, splitPin } from "../../src/trust/pin.ts";

test("a text in the format of a key's hash is a pin, anything else is not", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (hash) => {
      const pin = Buffer.from(hash).toString("base64url");
      expect(isPin(pin)).toBe(true);
      for (let end = 0; end < pin.length; end++) expect(isPin(pin.slice(0, end))).toBe(false);
      expect(isPin(`${pin}A`)).toBe(false);
      expect(isPin(`${pin}=`)).toBe(false);
      // A different spelling of the same bytes is not.
      const next = String.fromCharCode(pin.charCodeAt(42) + 1);
      if (/[\w-]/.test(next)) expect(isPin(pin.slice(0, 42) + next)).toBe(false);
    }),
  );
  expect(isPin("")).toBe(false);
  expect(isPin(`${"A".repeat(41)}+A`)).toBe(false);
});

test("the pin follows the first #", () => {
  expect(splitPin("host:55000#PIN")).toEqual({ address: "host:55000", pin: "PIN" });
  expect(splitPin("[::1]:55000# PIN ")).toEqual({ address: "[::1]:55000", pin: "PIN" });
  expect(splitPin("host")).toEqual({ address: "host", pin: undefined });
  expect(splitPin("host#")).toEqual({ address: "host", pin: "" });
  expect(splitPin("a#b#c")).toEqual({ address: "a", pin: "b#c" });
});
