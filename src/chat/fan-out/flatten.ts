// Converts messages with several lines for dialects in which a message is a single line: a line
// ending within the text would end the message, and let its author forge another one. Pure.

import { oneLine } from "../../text.ts";
import type { PersonalEvent } from "../events.ts";
import { SaidRun } from "../rooms/said-run.ts";

/** The run with one line per message; nearly always the run itself. */
export function flattenRun(run: SaidRun): SaidRun {
  if (!run.texts.some((text) => text.includes("\n"))) return run;
  const [first = "", ...others] = run.texts.map(oneLine);
  const { room, seq, timeMs, from, alias, n, author, kind } = run;
  const flat = new SaidRun(room, seq, timeMs, from, alias, n, author, first, kind);
  for (const text of others) flat.push(text);
  return flat;
}

/** The event with its text on one line. */
export function flattenEvent(event: PersonalEvent): PersonalEvent {
  switch (event.type) {
    case "private":
    case "sent":
      return { ...event, text: oneLine(event.text) };
    case "replay":
      return { ...event, message: { ...event.message, text: oneLine(event.message.text) } };
    case "history":
    case "found": {
      const messages = event.messages.map((said) => ({ ...said, text: oneLine(said.text) }));
      return { ...event, messages };
    }
    default:
      return event;
  }
}
