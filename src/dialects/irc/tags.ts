// The tags that a client receives with a line, depending on its capabilities. Pure.

import type { Persona } from "../../chat/people/persona.ts";
import { isoText } from "../../utc-time.ts";
import { escapeTag } from "./line.ts";

/** Values for the tags of a line; only tags that the client requested are sent. */
export type Tagged = {
  timeMs?: number | undefined;
  msgid?: string | undefined;
  persona?: Persona | undefined;
  /** Client-only tags. */
  client?: string | undefined;
};

/** Which tags a variant includes. */
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

/** The tags including the trailing space; empty if there are none. */
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
