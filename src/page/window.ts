// Which part of a long list stands in the document: at most `maxShown` entries around where the person reads. Pure.

/** `from` inclusive, `to` exclusive. */
export type Window = { from: number; to: number };

/** Entries in the document at most; a screen shows about thirty. */
export const maxShown = 270;
/** Entries that are added or removed at an end at once: what a slow phone lays out within a frame. */
const stepEntries = 45;

/** The newest entries. */
export function atEnd(total: number): Window {
  return { from: Math.max(0, total - maxShown + stepEntries), to: total };
}

/** The newest, where what is shown starts at `first` (below 0: nowhere): it grows until it is full, and is never short of entries. */
export function followed(first: number, total: number): Window {
  const end = atEnd(total);
  const isKept = first >= 0 && total - first <= maxShown;
  return isKept ? { from: Math.min(first, end.from), to: total } : end;
}

/** Further into the past; the newest are dropped when it gets too much. */
export function earlier(window: Window): Window {
  const from = Math.max(0, window.from - stepEntries);
  return { from, to: Math.min(window.to, from + maxShown) };
}

/** Further towards the present. */
export function later(window: Window, total: number): Window {
  const to = Math.min(total, window.to + stepEntries);
  return { from: Math.max(window.from, to - maxShown), to };
}

/** The same place after the list has changed: it starts at `first` now. New entries at the end come in until it is full. */
export function moved(window: Window, first: number, total: number, wasAtEnd: boolean): Window {
  const length = window.to - window.from;
  const to = wasAtEnd ? Math.min(total, first + maxShown) : Math.min(total, first + length);
  return { from: Math.min(first, to), to };
}
