// The label of the prompt: the current room, and unread messages in the others. Pure.

import { harmless } from "../../text.ts";
import type { Unread } from "../client/open-rooms.ts";
import type { Width } from "./prompt-screen.ts";

export type PromptState = {
  /** The current room; undefined if there is none. */
  room: string | undefined;
  /** During a private chat, the only recipient of what is typed. */
  partner: string | undefined;
  online: boolean;
  unread: readonly Unread[];
};

/** `[den 3! attic 12] lobby> `, with `!` for a mention. Takes at most half a terminal's width. */
export function promptLabel(state: PromptState, columns: number, width: Width): string {
  const { room, partner, online, unread } = state;
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
