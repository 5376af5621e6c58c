// Windowing of a long list: at most `maxShown` entries around the scroll position are in the
// document. Pure.

/** `from` inclusive, `to` exclusive. */
export type ListWindow = { from: number; to: number };

/** Most entries in the document; a screen shows about thirty. */
export const maxShown = 270;
/** Entries added or removed in one step: as many as a slow phone can lay out within a frame. */
const stepEntries = 45;

/** The newest entries. */
export function atEnd(total: number): ListWindow {
  return { from: Math.max(0, total - maxShown + stepEntries), to: total };
}

/** Entries around index `at`. */
export function around(at: number, total: number): ListWindow {
  const from = Math.max(0, at - stepEntries);
  return { from, to: Math.min(total, from + maxShown - stepEntries) };
}

/**
 * The newest entries, when the window begins at `first` (-1: nowhere in the list). The window grows
 * until it is full, and then shrinks to `atEnd`.
 */
export function followEnd(first: number, total: number): ListWindow {
  const end = atEnd(total);
  const isKept = first >= 0 && total - first <= maxShown;
  return isKept ? { from: Math.min(first, end.from), to: total } : end;
}

/** Further into the past; the newest are dropped when the window is full. */
export function earlier(window: ListWindow): ListWindow {
  const from = Math.max(0, window.from - stepEntries);
  return { from, to: Math.min(window.to, from + maxShown) };
}

/** Further towards the present. */
export function later(window: ListWindow, total: number): ListWindow {
  const to = Math.min(total, window.to + stepEntries);
  return { from: Math.max(window.from, to - maxShown), to };
}

/**
 * The same position after the list has changed and the window's first entry is at `first`. At the
 * end of the list the window grows until it is full.
 */
export function keepPlace(
  window: ListWindow,
  first: number,
  total: number,
  wasAtEnd: boolean,
): ListWindow {
  const length = window.to - window.from;
  const to = wasAtEnd ? Math.min(total, first + maxShown) : Math.min(total, first + length);
  return { from: Math.min(first, to), to };
}
