// How counts of unread messages read. Pure.

const maxShown = 99;

/** A number for a badge: beyond two digits nobody needs to know. */
export function badgeText(count: number): string {
  return count > maxShown ? `${maxShown}+` : String(count);
}

/** The same for a screen reader: "3 unread, 1 mention". */
export function unreadText(unread: number, mentions: number): string {
  const mentioned = mentions === 1 ? "1 mention" : `${mentions} mentions`;
  return mentions === 0 ? `${unread} unread` : `${unread} unread, ${mentioned}`;
}
