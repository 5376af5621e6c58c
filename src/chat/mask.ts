// Masks with `*` and `?`, as bans of a room and searches use them. Linear in time, whatever the
// mask: it comes from anybody. Pure.

import { fold } from "./names/grammar.ts";

/** Whether all of `text` matches, in any case. */
export function matchesMask(mask: string, text: string): boolean {
  const pattern = mask.toLowerCase();
  const subject = text.toLowerCase();
  let at = 0;
  let next = 0;
  // Where to go on if what follows the last star does not match.
  let star = -1;
  let tried = 0;
  while (next < subject.length) {
    const wanted = pattern[at];
    if (wanted === "*") {
      star = at++;
      tried = next;
    } else if (wanted !== undefined && (wanted === "?" || wanted === subject[next])) {
      at++;
      next++;
    } else if (star >= 0) {
      at = star + 1;
      next = ++tried;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

/** `Ann` → `ann!*@*`, `*@host` → `*!*@host`: the whole form of what people type. */
export function wholeMask(typed: string): string {
  const [beforeAt, ...host] = typed.split("@");
  const [name = "", ...user] = (beforeAt ?? "").split("!");
  const hasUser = user.length > 0;
  if (host.length > 0 && !hasUser) return `*!${name || "*"}@${host.join("@") || "*"}`;
  return `${fold(name) || "*"}!${user.join("!") || "*"}@${host.join("@") || "*"}`;
}
