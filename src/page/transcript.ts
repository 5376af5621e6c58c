// A timeline as plain text: each entry begins a line, further lines of a message are indented. Pure
// except for the local time zone.

import type { Entry, Message } from "./message-log.ts";
import { dateTime } from "./timeline.ts";

export function transcript(entries: readonly Entry[]): string {
  const lines = entries.map((entry) => {
    const text = entry.kind === "message" ? said(entry) : `* ${entry.text.replaceAll("\n", "; ")}`;
    return `[${dateTime(entry.timeMs)}] ${text}\n`;
  });
  return lines.join("");
}

const deliveryNotes = { sent: "", failed: " (not sent)", waiting: " (not confirmed yet)" } as const;

function said({ from, to, text, manner, delivery }: Message): string {
  const recipients = to === undefined ? "" : ` (private to ${to.join(", ")})`;
  const speaker = manner === "emote" ? `* ${from}${recipients}` : `${from}${recipients}:`;
  // Further lines of a message must not look like separate entries.
  return `${speaker} ${text.replaceAll("\n", "\n    ")}${deliveryNotes[delivery]}`;
}
