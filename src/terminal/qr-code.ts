// A QR code as lines of text, two modules a character. Knows no terminal.

import { renderUnicodeCompact } from "uqr";

/** Light modules are blocks, so that without `colors` it is right on a dark background. */
export function qrCode(text: string, colors: boolean): string[] {
  const lines = renderUnicodeCompact(text, { border: quietModules }).split("\n");
  return colors ? lines.map((line) => `${whiteOnBlack}${line}${reset}`) : lines;
}

const whiteOnBlack = "\u001b[97;40m";
const reset = "\u001b[0m";

/** Readers manage with two; ISO 18004 asks for four. */
const quietModules = 2;
