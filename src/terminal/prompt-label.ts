// The label before the line being typed: the current room, and what is unread in the others. Pure.

import { harmless } from "../text.ts";
import type { Unread } from "./open-rooms.ts";
import type { Width } from "./prompt-screen.ts";

export type Whereabouts = {
  /** The current room; undefined: none. */
  room: string | undefined;
  /** Of the private chat: what is typed goes only to them. */
  partner: string | undefined;
  online: boolean;
  unread: readonly Unread[];
};

/**
 * `[den 3! attic 12] lobby> `, with `!` for a mention. Takes no more than half of a narrow
 * terminal.
 */
export function promptLabel(where: Whereabouts, columns: number, width: Width): string {
  const { room, partner, online, unread } = where;
  const place = partner === undefined ? harmless(room ?? "no room") : `→ ${harmless(partner)}`;
  const here = `${online ? place : `${place} (offline)`}> `;
  const sum = {
    room: "",
    messages: unread.reduce((sum, { messages }) => sum + messages, 0),
    isMentioned: unread.some(({ isMentioned }) => isMentioned),
  };
  const candidates =
    unread.length === 0
      ? [here]
      : [`[${unread.map(countOf).join(" ")}] ${here}`, `[${countOf(sum)}] ${here}`, here];
  return candidates.find((label) => width(label) <= columns / 2) ?? "> ";
}

function countOf({ room, messages, isMentioned }: Unread): string {
  const count = `${messages}${isMentioned ? "!" : ""}`;
  return room === "" ? count : `${harmless(room)} ${count}`;
}
