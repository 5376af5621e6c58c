// A QR code as text. That scanners read it was tested by hand (zbarimg).

import { expect, test } from "bun:test";
import { encode } from "uqr";
import { qrCode } from "../../../src/terminal/output/qr-code.ts";

const url = "https://chat.example:8000/";

/** A dark module is true. */
function modules(lines: readonly string[]): boolean[][] {
  return lines.flatMap((line) => [
    Array.from(line, (character) => !"█▀".includes(character)),
    Array.from(line, (character) => !"█▄".includes(character)),
  ]);
}

test("every module is in its position, with light ones as blocks", () => {
  const { data, size } = encode(url, { border: 2 });
  const shown = modules(qrCode(url, false));
  expect(shown.slice(0, size)).toEqual(data.map((row) => [...row]));
});

test("with colours it is white on black on any terminal, and the same otherwise", () => {
  const plain = qrCode(url, false);
  expect(plain.join("")).not.toContain("\u001b");
  expect(qrCode(url, true)).toEqual(plain.map((line) => `\u001b[97;40m${line}\u001b[0m`));
});
