// Any character for random texts. fast-check's own unit "binary" takes a second of processor time
// to set up.

import * as fc from "fast-check";

const surrogates = { from: 0xd800, count: 0x800 };

/** Any code point that is a character of its own. */
export const anyCharacter: fc.Arbitrary<string> = fc.nat({ max: 0x10_ffff - surrogates.count }).map(
  (n) => String.fromCodePoint(n < surrogates.from ? n : n + surrogates.count),
  (text) => {
    const point = typeof text === "string" ? text.codePointAt(0) : undefined;
    if (point === undefined || text !== String.fromCodePoint(point)) throw new Error("not one");
    return point < surrogates.from ? point : point - surrogates.count;
  },
);
