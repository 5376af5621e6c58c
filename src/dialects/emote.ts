// What people do (`/me waves`) as the text dialects show it: a line of its own, `* Ann waves`.

import type { MessageKind } from "../chat/events.ts";

export function isEmote({ kind }: { kind?: MessageKind | undefined }): boolean {
  return kind === "emote";
}

type Emote = { from: string; alias: string | undefined; text: string };

/** In the room. `alias` is shown by the one dialect that has them, and undefined elsewhere. */
export function emoteText({ from, text }: Emote, shownAs = from): string {
  return `* ${shownAs} ${text}`;
}

/** Of a private message, after whom it is from. */
export function privateText(event: Emote & { kind?: MessageKind | undefined }): string {
  return isEmote(event) ? emoteText(event) : event.text;
}
