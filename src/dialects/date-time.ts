// date-time: a datagram requests the server's date or time. Stateless and pure; the clock is a
// parameter.

import { quoted } from "../text.ts";
import { invalidRequest, looksLikeAnswer } from "./datagram-guard.ts";
import type { DatagramDialect, LocalTime } from "../chat/dialect.ts";

export const sendDate = "SEND_DATE";
export const sendTime = "SEND_TIME";

function twoDigits(value: number): string {
  return String(value % 100).padStart(2, "0");
}

/** The answer to one request: month/day/year, the 24-hour time, or `Invalid request`. */
export function answerDateTime(request: string, now: LocalTime): string {
  if (request === sendDate) return [now.month, now.day, now.year].map(twoDigits).join("/");
  if (request === sendTime) return [now.hour, now.minute, now.second].map(twoDigits).join(":");
  return invalidRequest;
}

export const dateTime: DatagramDialect = {
  name: "date-time",
  answer(request, now) {
    if (looksLikeAnswer(request)) return undefined;
    // `nc -u` includes the newline the user typed.
    const word = request.replace(/\r?\n$/, "");
    const isKnown = word === sendDate || word === sendTime;
    return { text: answerDateTime(word, now), log: isKnown ? word : quoted(word) };
  },
};
