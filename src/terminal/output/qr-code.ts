// A QR code as lines of text, two modules per character. Knows no terminal.

import { renderUnicodeCompact } from "uqr";

/** Light modules are blocks, so that without `colors` the code is correct on a dark background. */
export function qrCode(text: string, colors: boolean): string[] {
  const lines = renderUnicodeCompact(text, { border: quietModules }).split("\n");
  return colors ? lines.map((line) => `${whiteOnBlack}${line}${reset}`) : lines;
}

const whiteOnBlack = "\u001b[97;40m";
const reset = "\u001b[0m";

/** Two modules are enough for readers; ISO 18004 requires four. */
const quietModules = 2;
