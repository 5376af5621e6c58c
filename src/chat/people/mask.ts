// Masks with `*` and `?`, as used by room bans and searches. Linear in time for any mask, since
// anybody can supply one. Pure.

import { comparable } from "../../composed.ts";
import { fold } from "../names/grammar.ts";

/** Whether all of `text` matches; compared as names are. */
export function matchesMask(mask: string, text: string): boolean {
  const pattern = comparable(mask);
  const subject = comparable(text);
  let at = 0;
  let next = 0;
  // Where to resume if the text after the last star does not match.
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

/** `Ann` → `ann!*@*`, `*@host` → `*!*@host`: completes a mask as people type it. */
export function wholeMask(typed: string): string {
  const [beforeAt, ...host] = typed.split("@");
  const [name = "", ...user] = (beforeAt ?? "").split("!");
  const hasUser = user.length > 0;
  if (host.length > 0 && !hasUser) return `*!${name || "*"}@${host.join("@") || "*"}`;
  return `${fold(name) || "*"}!${user.join("!") || "*"}@${host.join("@") || "*"}`;
}
