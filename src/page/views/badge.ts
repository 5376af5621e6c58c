// Texts of unread counts. Pure.

const maxShown = 99;

/** At most two digits: "99+". */
export function badgeText(count: number): string {
  return count > maxShown ? `${maxShown}+` : String(count);
}

/** For screen readers: "3 unread, 1 mention". */
export function unreadText(unread: number, mentions: number): string {
  const mentioned = mentions === 1 ? "1 mention" : `${mentions} mentions`;
  return mentions === 0 ? `${unread} unread` : `${unread} unread, ${mentioned}`;
}
