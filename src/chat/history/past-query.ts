// Messages of a room around a given message or time. Times are found by binary search: the log is
// ordered by time, and the store reads by number.

import { ParleyError } from "../../errors.ts";
import { search } from "../../limits.ts";
import type { Ref, Said } from "../events.ts";
import { fittingPage } from "./history-page.ts";
import type { HubState } from "../hub-state.ts";
import { partners } from "../private/mail-history.ts";
import { reject, rejectNotInRoom, rejectUnread } from "../rejections.ts";
import type { PastPoint, PastQuery, PastTarget, RoomCommand } from "../rooms/room-events.ts";
import { roomsOf } from "../rooms/membership.ts";
import type { Room } from "../rooms/room.ts";
import type { Session } from "../session.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import type { RoomBounds } from "../turn/store.ts";

type Asked = { query: PastQuery; limit: number; ref: Ref | undefined };

/**
 * Numbers of the first and last message that may be read, and the end to begin from, or the number
 * of the message around which.
 */
type Range = { from: number; to: number; end: "oldest" | "newest"; around?: number };

/** Answers exactly once; later commands of the session wait. */
export function readPast(hub: HubState, session: Session, room: Room, asked: Asked): void {
  session.queue.block();
  const finish = (messages: readonly Said[] | ParleyError): void => {
    hub.unblock(session);
    if (session.phase !== "member") return;
    const { ref } = asked;
    if (messages instanceof ParleyError) {
      return reject(hub, session, messages.code, messages.message, { ref });
    }
    // They may have been removed from it meanwhile.
    if (!session.rooms.has(room.name)) return rejectNotInRoom(hub, session, room.name, ref);
    hub.send(session, { type: "past", room: room.name, messages, ref });
  };
  rangeOf(hub, room, asked, (range) => {
    if (range instanceof ParleyError) return finish(range);
    readRange(hub, room, range, asked.limit, finish);
  });
}

function rangeOf(
  hub: HubState,
  room: Room,
  { query, limit }: Asked,
  then: (range: Range | ParleyError) => void,
): void {
  // Messages that are committed but not delivered yet will arrive live.
  const last = room.seq;
  const find = (point: PastPoint, use: (place: Place) => void): void =>
    placeOf(hub, room, point, (found) => (found instanceof ParleyError ? then(found) : use(found)));
  switch (query.which) {
    case "latest":
      if (query.after === undefined) return then({ from: 1, to: last, end: "newest" });
      return find(query.after, ({ after }) => then({ from: after, to: last, end: "newest" }));
    case "before":
      return find(query.point, ({ before }) => then({ from: 1, to: before, end: "newest" }));
    case "after":
      return find(query.point, ({ after }) => then({ from: after, to: last, end: "oldest" }));
    case "around":
      return find(query.point, ({ before }) => {
        const from = Math.max(1, before + 1 - Math.floor(limit / 2));
        const to = Math.min(last, from + limit - 1);
        then({ from, to, end: "oldest", around: before + 1 });
      });
    case "between":
      return find(query.from, (from) =>
        find(query.to, (to) =>
          from.before <= to.before
            ? then({ from: from.after, to: to.before, end: "oldest" })
            : then({ from: to.after, to: from.before, end: "newest" }),
        ),
      );
  }
}

/** The last message before a point, and the first one after it. */
type Place = { before: number; after: number };

function placeOf(
  hub: HubState,
  room: Room,
  point: PastPoint,
  then: (place: Place | ParleyError) => void,
): void {
  if ("seq" in point) return then({ before: point.seq - 1, after: point.seq + 1 });
  const { timeMs } = point;
  hub.store.ask({ type: "room-bounds", room: room.name }, (outcome) => {
    if (!outcome.done) return then(outcome.error);
    firstFrom(hub, room, timeMs, outcome.result, (first) => {
      if (typeof first !== "number") return then(first);
      firstFrom(hub, room, timeMs + 1, outcome.result, (next) =>
        then(typeof next === "number" ? { before: first - 1, after: next } : next),
      );
    });
  });
}

/** The number of the first message at or after a time; one past the last if there is none. */
function firstFrom(
  hub: HubState,
  room: Room,
  timeMs: number,
  { first, last }: RoomBounds,
  then: (seq: number | ParleyError) => void,
): void {
  let low = first;
  let high = Math.min(last, room.seq) + 1;
  const step = (): void => {
    if (low >= high) return then(low);
    const middle = Math.floor((low + high) / 2);
    hub.store.ask(
      { type: "read-room", room: room.name, after: middle - 1, limit: 1 },
      (outcome) => {
        if (!outcome.done) return then(outcome.error);
        const [found] = outcome.result;
        if (found === undefined || found.timeMs >= timeMs) high = middle;
        else low = Math.max(middle, found.seq) + 1;
        step();
      },
    );
  };
  step();
}

function readRange(
  hub: HubState,
  room: Room,
  { from, to, end, around }: Range,
  limit: number,
  then: (messages: readonly Said[] | ParleyError) => void,
): void {
  if (limit <= 0 || from > to) return then([]);
  const where = end === "oldest" ? { after: from - 1 } : { before: to + 1 };
  hub.store.ask({ type: "read-room", room: room.name, ...where, limit }, (outcome) => {
    if (!outcome.done) return then(outcome.error);
    const inside = outcome.result.filter(({ seq }) => seq >= from && seq <= to);
    const middle = around === undefined ? -1 : inside.findIndex(({ seq }) => seq === around);
    then(fittingPage(inside, middle < 0 ? end : { around: middle }));
  });
}

/** The session's rooms, and people, whose last message is between two times, the oldest first. */
export function readPastTargets(
  hub: HubState,
  session: Session,
  command: Extract<RoomCommand, { type: "past-targets" }>,
): void {
  const { fromMs, toMs, limit, ref } = command;
  const [lowMs, highMs] = fromMs <= toMs ? [fromMs, toMs] : [toMs, fromMs];
  const found: PastTarget[] = [];
  const queries = new StoreQueries(hub, session);
  for (const room of roomsOf(hub, session)) {
    queries.ask(
      { type: "read-room", room: room.name, before: room.seq + 1, limit: 1 },
      ([last]) => {
        if (last !== undefined && session.rooms.has(room.name))
          found.push({ room: room.name, timeMs: last.timeMs });
      },
    );
  }
  const { mailbox, account } = session.identity;
  let scanned = 0;
  if (account !== "") {
    queries.ask({ type: "list-mail", session: mailbox }, (entries) => {
      scanned = entries.length;
      for (const { name, timeMs } of partners(hub, entries)) found.push({ name, timeMs });
    });
  }
  queries.whenAnswered((error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    const inside = found.filter(({ timeMs }) => timeMs > lowMs && timeMs < highMs);
    const targets = inside.sort((a, b) => a.timeMs - b.timeMs).slice(0, limit);
    const scannedChars = scanned * search.messageChars;
    hub.send(session, { type: "past-targets", targets, scannedChars, ref });
  });
}
