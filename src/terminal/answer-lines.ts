// What a person sees of the server's answers: who is here, rooms, files, the past. Pure.

import { harmless } from "../text.ts";
import type { Answer } from "../client/events.ts";
import type { Paint } from "./style.ts";
import { sizeText } from "../size-text.ts";
import { type Page, wrapItems } from "./wrap.ts";

export function answerLines(answer: Answer, paint: Paint, page: Page): string[] {
  const list = (items: readonly string[], first = "") => {
    const parted = items.map((item, index) => (index < items.length - 1 ? `${item},` : item));
    return wrapItems(parted, page, { first, other: "  " }).map((row) => paint.status(row));
  };
  switch (answer.type) {
    case "names": {
      return list(answer.names.map(harmless), `${answer.total} in ${harmless(answer.room)}: `);
    }
    case "rooms": {
      return list(answer.rooms.map(({ room, members }) => `${harmless(room)} (${members})`));
    }
    case "name":
      return [paint.status(`You are ${harmless(answer.name)} now`)];
    case "files":
      if (answer.files.length === 0) return [paint.status("There are no files")];
      return answer.files.map(
        ({ name, sizeBytes }) => `  ${sizeText(sizeBytes).padStart(8)}  ${harmless(name)}`,
      );
    case "history":
      if (answer.messages.length === 0) return [paint.status("Nothing was said here yet")];
      return answer.messages.map(
        ({ timeMs, from, text }) =>
          `${paint.time(timeMs)} ${paint.said(harmless(from), harmless(text), false)}`,
      );
  }
}
