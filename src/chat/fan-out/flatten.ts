// Converts messages with several lines for dialects in which a message is a single line: a line
// ending within the text would end the message, and let its author forge another one. Pure.

import { oneLine } from "../../text.ts";
import type { PersonalEvent } from "../events.ts";
import { SaidRun } from "../rooms/said-run.ts";

/** The run with one line per message; nearly always the run itself. */
export function flattenRun(run: SaidRun): SaidRun {
  if (!run.texts.some((text) => text.includes("\n"))) return run;
  return new SaidRun(run, run.texts.map(oneLine));
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
