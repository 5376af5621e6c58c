// Wraps texts into rows of a terminal, between words. Pure; the function that measures a text's
// width is passed in.

import { graphemes } from "../editor/line-editor.ts";
import type { Width } from "../editor/prompt-screen.ts";

export type TextArea = { columns: number; width: Width };

/**
 * `gap` separates items of a row; `first` precedes the first row, `other` the others. Where no word
 * fits after `first`, it is a row of its own.
 */
export type Layout = { gap?: string; first?: string; other?: string };

/** Wraps words that are separated by single spaces. */
export function wrapWords(text: string, area: TextArea, layout: Layout = {}): string[] {
  return wrapItems(text.split(" "), area, layout);
}

/** Wraps items without breaking them, spaces included; only an item wider than a row is split. */
export function wrapItems(items: readonly string[], area: TextArea, layout: Layout = {}): string[] {
  const { gap = " ", ...rest } = layout;
  return wrap(
    items.map((item) => ({ gap, word: item })),
    area,
    rest,
  );
}

/** Wraps a text, keeping its spaces within rows. An empty text is one row. */
export function wrapText(text: string, area: TextArea, layout: Omit<Layout, "gap"> = {}): string[] {
  // Sticky, so that the spaces at the end are tried once, not from each of them on.
  const pieces = Array.from(text.matchAll(/( *)([^ ]+)/gy), ([, gap = "", word = ""]) => {
    return { gap, word };
  });
  const rows = wrap(pieces, area, layout);
  return rows.length === 0 ? [layout.first ?? ""] : rows;
}

/** A word, and the spaces before it, which are dropped at a row break. */
type Piece = { gap: string; word: string };

function wrap(
  pieces: readonly Piece[],
  area: TextArea,
  { first = "", other = "" }: Omit<Layout, "gap">,
): string[] {
  const rows: string[] = [];
  let [row, width, isBegun] = [first, area.width(first), false];
  const otherWidth = area.width(other);
  const end = () => {
    rows.push(isBegun ? row : row.trimEnd());
    [row, width, isBegun] = [other, otherWidth, false];
  };
  const append = (text: string, columns: number) => {
    [row, width, isBegun] = [row + text, width + columns, true];
  };
  for (const { gap, word } of pieces) {
    const [gapWidth, wordWidth] = [isBegun ? gap.length : 0, widestOf(word, area)];
    if (width + gapWidth + wordWidth <= area.columns) {
      append(isBegun ? gap + word : word, gapWidth + wordWidth);
      continue;
    }
    // A first row without a word in it is ended only if that makes room.
    if (isBegun || width > otherWidth) end();
    if (width + wordWidth <= area.columns) {
      append(word, wordWidth);
      continue;
    }
    for (const character of graphemes(word)) {
      const columns = widestOf(character, area);
      if (isBegun && width + columns > area.columns) end();
      append(character, columns);
    }
  }
  if (isBegun) end();
  return rows;
}

/**
 * The maximum number of columns that any terminal needs for a text: some show the parts of a joined
 * emoji one by one. A row that is too wide would be wrapped by the terminal, and its rest would
 * look like a line of its own.
 */
function widestOf(text: string, { width }: TextArea): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let sum = 0;
  for (const character of text) sum += width(character);
  return Math.max(sum, width(text));
}
