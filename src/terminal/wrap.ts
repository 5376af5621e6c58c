// Breaks texts for people into rows of a terminal, between words. Pure; the width of a text is handed in.

import { graphemes } from "./line-editor.ts";
import type { Width } from "./prompt-screen.ts";

export type Page = { columns: number; width: Width };

/** What stands between two items of a row, and at the beginning of the first and of every other row. */
export type Layout = { gap?: string; first?: string; other?: string };

/** A text of words, parted by single blanks. */
export function wrapWords(text: string, page: Page, layout: Layout = {}): string[] {
  return wrapItems(text.split(" "), page, layout);
}

/** Items that may have blanks of their own stay whole; one that is wider than a row is cut. */
export function wrapItems(items: readonly string[], page: Page, layout: Layout = {}): string[] {
  const { gap = " ", first = "", other = "" } = layout;
  const rows: string[] = [];
  let [row, begun] = [first, false];
  const end = () => {
    rows.push(row);
    [row, begun] = [other, false];
  };
  for (const item of items) {
    if (begun && page.width(row + gap + item) > page.columns) end();
    if (!begun && page.width(row + item) > page.columns) {
      for (const character of graphemes(item)) {
        if (begun && page.width(row + character) > page.columns) end();
        [row, begun] = [row + character, true];
      }
    } else [row, begun] = [begun ? row + gap + item : row + item, true];
  }
  if (begun) end();
  return rows;
}
