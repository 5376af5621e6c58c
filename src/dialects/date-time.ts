// date-time (S2b): a datagram asks for the date or the time of the server's clock. Stateless and pure; the clock is handed in.

import { quoted } from "../text.ts";
import { invalidRequest, isServersAnswer } from "./datagram-answers.ts";
import type { DatagramDialect, LocalTime } from "../chat/dialect.ts";

export const sendDate = "SEND_DATE";
export const sendTime = "SEND_TIME";

function two(value: number): string {
  return String(value % 100).padStart(2, "0");
}

/** The answer to one request: month/day/year, the 24-hour time, or that it is neither. */
export function answerDateTime(request: string, now: LocalTime): string {
  if (request === sendDate) return `${two(now.month)}/${two(now.day)}/${two(now.year)}`;
  if (request === sendTime) return `${two(now.hour)}:${two(now.minute)}:${two(now.second)}`;
  return invalidRequest;
}

export const dateTime: DatagramDialect = {
  name: "date-time",
  answer(request, now) {
    if (isServersAnswer(request)) return undefined;
    // `nc -u` sends the line end that was typed
    const word = request.trim();
    const known = word === sendDate || word === sendTime;
    return { text: answerDateTime(word, now), log: known ? word : quoted(word) };
  },
};
