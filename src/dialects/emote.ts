// How text dialects show emotes (`/me waves`): as a line of their own, `* Ann waves`.

import type { MessageKind } from "../chat/events.ts";

export function isEmote({ kind }: { kind?: MessageKind | undefined }): boolean {
  return kind === "emote";
}

type Emote = { from: string; alias: string | undefined; text: string };

/** An emote said in a room. `alias` is set only by the one dialect that has aliases. */
export function emoteText({ from, text }: Emote, shownAs = from): string {
  return `* ${shownAs} ${text}`;
}

/** The text of a private message, to be shown after its sender's name. */
export function privateText(event: Emote & { kind?: MessageKind | undefined }): string {
  return isEmote(event) ? emoteText(event) : event.text;
}
