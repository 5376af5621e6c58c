// A timeline as plain text, one line per entry. Pure except for the local time zone.

import type { Entry, Message } from "./message-log.ts";
import { dateTime } from "./timeline.ts";

export function transcript(entries: readonly Entry[]): string {
  const lines = entries.map((entry) => {
    const text = entry.kind === "notice" ? `* ${entry.text.replaceAll("\n", "; ")}` : said(entry);
    return `[${dateTime(entry.timeMs)}] ${text}\n`;
  });
  return lines.join("");
}

const deliveryNotes = { sent: "", failed: " (not sent)", waiting: " (not confirmed yet)" } as const;

function said({ from, to, text, delivery }: Message): string {
  const recipients = to === undefined ? "" : ` (private to ${to.join(", ")})`;
  return `${from}${recipients}: ${text}${deliveryNotes[delivery]}`;
}
