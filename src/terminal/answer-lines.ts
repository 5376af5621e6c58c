// What a person sees of the server's answers: who is here, rooms, files, the past. Pure.

import { harmless } from "../chat/text.ts";
import type { Answer } from "../client/events.ts";
import type { Paint } from "./paint.ts";
import { sizeText } from "./units.ts";

export function answerLines(answer: Answer, paint: Paint): string[] {
  switch (answer.type) {
    case "names": {
      const names = answer.names.map(harmless).join(", ");
      return [paint.status(`${answer.total} in ${harmless(answer.room)}: ${names}`)];
    }
    case "rooms": {
      const rooms = answer.rooms.map(({ room, members }) => `${harmless(room)} (${members})`);
      return [paint.status(rooms.join(", "))];
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
