// Breaks texts for people into rows of a terminal, between words. Pure; the width of a text is
// handed in.

import { graphemes } from "./line-editor.ts";
import type { Width } from "./prompt-screen.ts";

export type Page = { columns: number; width: Width };

/**
 * What goes between two items of a row, at the beginning of the first row, and at the beginning of
 * the others.
 */
export type Layout = { gap?: string; first?: string; other?: string };

/** A text of words with a single blank between them. */
export function wrapWords(text: string, page: Page, layout: Layout = {}): string[] {
  return wrapItems(text.split(" "), page, layout);
}

/** Items stay whole, blanks included; only one that is wider than a row is cut. */
export function wrapItems(items: readonly string[], page: Page, layout: Layout = {}): string[] {
  const { gap = " ", ...rest } = layout;
  return wrap(
    items.map((item) => ({ gap, word: item })),
    page,
    rest,
  );
}

/** Blanks within a row stay as they are. An empty text is one row. */
export function wrapText(text: string, page: Page, layout: Omit<Layout, "gap"> = {}): string[] {
  const pieces = Array.from(text.matchAll(/( *)([^ ]+)/g), ([, gap = "", word = ""]) => {
    return { gap, word };
  });
  const rows = wrap(pieces, page, layout);
  return rows.length === 0 ? [layout.first ?? ""] : rows;
}

/** A word, and the blanks before it, which are dropped where a row breaks. */
type Piece = { gap: string; word: string };

function wrap(
  pieces: readonly Piece[],
  page: Page,
  { first = "", other = "" }: Omit<Layout, "gap">,
): string[] {
  const rows: string[] = [];
  let [row, width, isBegun] = [first, page.width(first), false];
  const otherWidth = page.width(other);
  const end = () => {
    rows.push(row);
    [row, width, isBegun] = [other, otherWidth, false];
  };
  const append = (text: string, columns: number) => {
    [row, width, isBegun] = [row + text, width + columns, true];
  };
  for (const { gap, word } of pieces) {
    const [gapWidth, wordWidth] = [isBegun ? gap.length : 0, widestOf(word, page)];
    if (width + gapWidth + wordWidth <= page.columns) {
      append(isBegun ? gap + word : word, gapWidth + wordWidth);
      continue;
    }
    if (isBegun) end();
    if (width + wordWidth <= page.columns) {
      append(word, wordWidth);
      continue;
    }
    for (const character of graphemes(word)) {
      const columns = widestOf(character, page);
      if (isBegun && width + columns > page.columns) end();
      append(character, columns);
    }
  }
  if (isBegun) end();
  return rows;
}

/**
 * The most columns that any terminal takes for a text: some show the parts of a joined emoji one by
 * one. The terminal would wrap a row that is too wide by itself, and the rest would look like a
 * line of its own.
 */
function widestOf(text: string, { width }: Page): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let sum = 0;
  for (const character of text) sum += width(character);
  return Math.max(sum, width(text));
}
