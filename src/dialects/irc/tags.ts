// The tags that a client gets with a line, by what it asked for. Pure.

import type { Persona } from "../../chat/persona.ts";
import { isoText } from "../../utc-time.ts";
import { escapeTag } from "./line.ts";

/** What a line is tagged with, as far as the client asked for it. */
export type Tagged = {
  timeMs?: number | undefined;
  msgid?: string | undefined;
  persona?: Persona | undefined;
  /** Client-only tags. */
  client?: string | undefined;
};

/** Whether a variant has these. */
export type TagWishes = { time: boolean; tags: boolean; account: boolean };

export function wishesOf(variant: string): TagWishes {
  return {
    time: variant.includes("t"),
    tags: variant.includes("m"),
    account: variant.includes("a"),
  };
}

let lastTime = { timeMs: NaN, text: "" };

function timeText(timeMs: number): string {
  if (timeMs !== lastTime.timeMs) lastTime = { timeMs, text: isoText(timeMs) };
  return lastTime.text;
}

/** With the space that ends them; empty if there are none. */
export function tagsText(
  wishes: TagWishes,
  { timeMs, msgid, persona, client }: Tagged,
  more: readonly string[] = [],
): string {
  const all = [...more];
  if (wishes.time && timeMs !== undefined) all.push(`time=${timeText(timeMs)}`);
  if (wishes.tags && msgid !== undefined) all.push(`msgid=${msgid}`);
  const { account = "", isBot = false } = persona ?? {};
  if (wishes.account && account !== "") all.push(`account=${escapeTag(account)}`);
  if (wishes.tags && isBot) all.push("bot");
  if (wishes.tags && client !== undefined) all.push(client);
  return all.length === 0 ? "" : `@${all.join(";")} `;
}
