// CHATHISTORY: which part of the history of a room, or of a private conversation, a line requests
// (IRCv3 draft/chathistory). Pure.

import type { MailPoint } from "../../chat/people/people-events.ts";
import type { PastPoint, PastQuery } from "../../chat/rooms/room-events.ts";
import { fold } from "../../chat/names/grammar.ts";
import { history } from "../../limits.ts";
import { isoTime } from "../../utc-time.ts";
import type { IrcLine } from "./line.ts";
import { passingOf, seqOf } from "./message-ids.ts";
import { isChannel, nameOf, roomOf } from "./names.ts";
import type { Outcome } from "./registration.ts";
import type { Self } from "./self.ts";

export function readChatHistory(self: Self, { params }: IrcLine, out: Outcome): void {
  const [typed, target = "", first = "", second = ""] = params;
  const which = (typed ?? "").toUpperCase();
  const fail = (code: string, ...rest: string[]): void =>
    out.line(self.fail("CHATHISTORY", code, ...(typed === undefined ? [] : [which]), ...rest));
  if (params.length < 4) return fail("NEED_MORE_PARAMS", "Not enough parameters");
  const last = params.at(-1) ?? "";
  if (!/^\d+$/.test(last)) return fail("INVALID_PARAMS", target, "Not a number of messages");
  const limit = Math.min(Number(last), history.pageMessages);
  if (which === "TARGETS") {
    const [from, to] = [timeOf(target), timeOf(first)];
    if (from === undefined || to === undefined) {
      return fail("INVALID_PARAMS", target, "Not a timestamp");
    }
    return out.ask((ref) => ({ type: "past-targets", fromMs: from, toMs: to, limit, ref }), {
      target: "*",
      args: [which],
    });
  }
  const room = roomOf(target);
  if (target === "" || (room === undefined && isChannel(target))) {
    return fail("INVALID_TARGET", target === "" ? "*" : target, "No such channel or nick");
  }
  const read = <Point>(pointOf: (text: string) => Point | undefined) => {
    const query = queryOf(which, first, second, pointOf);
    if (query === "unknown") fail("INVALID_PARAMS", target, "Unknown command");
    else if (query === undefined) fail("INVALID_MSGREFTYPE", target, "No such message");
    else return query;
  };
  if (room === undefined) {
    const query = read((text) => mailPointOf(self, text));
    const name = nameOf(target);
    if (query === undefined) return;
    return out.ask((ref) => ({ type: "past-private", with: name, query, limit, ref }), {
      target,
      args: [which],
    });
  }
  const query = read((text) => pointOf(self, room, text));
  if (query === undefined) return;
  out.ask((ref) => ({ type: "past", room, query, limit, ref }), { target, args: [which] });
}

const sides = { BEFORE: "before", AFTER: "after", AROUND: "around" } as const;

function queryOf<Point>(
  which: string,
  first: string,
  second: string,
  pointOf: (text: string) => Point | undefined,
): PastQuery<Point> | "unknown" | undefined {
  if (which === "LATEST" && first === "*") return { which: "latest" };
  const point = pointOf(first);
  switch (which) {
    case "LATEST":
      return point && { which: "latest", after: point };
    case "BEFORE":
    case "AFTER":
    case "AROUND":
      return point && { which: sides[which], point };
    case "BETWEEN": {
      const to = pointOf(second);
      return point && to && { which: "between", from: point, to };
    }
    default:
      return "unknown";
  }
}

function pointOf(self: Self, room: string, text: string): PastPoint | undefined {
  const timeMs = timeOf(text);
  if (timeMs !== undefined) return { timeMs };
  if (!text.startsWith("msgid=")) return undefined;
  const seq = seqOf(self.server.log, fold(room), text.slice("msgid=".length));
  return seq === undefined ? undefined : { seq };
}

function mailPointOf(self: Self, text: string): MailPoint | undefined {
  const timeMs = timeOf(text);
  if (timeMs !== undefined) return { timeMs };
  if (!text.startsWith("msgid=")) return undefined;
  return passingOf(self.server.log, text.slice("msgid=".length));
}

function timeOf(text: string): number | undefined {
  const time = /^timestamp=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)$/.exec(text)?.[1];
  return time === undefined ? undefined : isoTime(time);
}
