// A batch as the JSON that the commit function reads. Pure.

import { holderAt } from "../../chat/elsewhere/foreign-person.ts";
import type { Batch, Mail } from "../../chat/turn/store.ts";
import type { AwayClock } from "./away-clock.ts";
import { packRuns } from "../packed-runs.ts";

/** The commit function's arguments of these names. */
export type BatchJson = {
  said: string;
  there: string;
  people: string;
  letters: string;
  gone: string;
  directory: string;
  signals: string;
};

/**
 * `server` is the committing server: it tells its connections apart from those of others. `away`
 * converts the times of its hub.
 */
export function batchJson(
  batch: Batch,
  server: string,
  away: Pick<AwayClock, "common">,
): BatchJson {
  const { rooms, sessions, mail, presence = [], released = [], people = [], signals = [] } = batch;
  return {
    said: storable(`[${rooms.map(({ room, runs }) => roomJson(room, packRuns(runs))).join(",")}]`),
    there: storable(JSON.stringify(presence)),
    people: JSON.stringify(
      sessions.map((record) => ({ ...record, minMail: 0, seenMs: away.common(record.seenMs) })),
    ),
    letters: storable(`[${mail.map(letterJson).join(",")}]`),
    directory: storable(JSON.stringify(people.map(({ folded, entry }) => entry ?? { folded }))),
    signals: storable(JSON.stringify(signals)),
    gone: JSON.stringify(
      released.map(({ name, holder }) => ({ name, holder: holderAt(server, holder) })),
    ),
  };
}

/** An escape of NUL or of half a surrogate pair, and the escaped backslashes before it. */
const unstorable = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/**
 * PostgreSQL refuses JSON with one of these, and with it all that everybody did in this turn. They
 * become U+FFFD.
 */
export function storable(json: string): string {
  return json.includes("\\u") ? json.replace(unstorable, "$1\ufffd") : json;
}

/** Rows are JSON already. */
function roomJson(room: string, rows: ReturnType<typeof packRuns>): string {
  let count = 0;
  let list = "";
  for (const row of rows) {
    list += `${list === "" ? "" : ","}{"count":${row.count},"timeMs":${row.timeMs},"runs":${row.runs}}`;
    count += row.count;
  }
  const timeMs = rows.at(-1)?.timeMs ?? 0;
  return `{"room":${JSON.stringify(room)},"count":${count},"timeMs":${timeMs},"rows":[${list}]}`;
}

function letterJson({ session, network, message, other, isCopy }: Mail): string {
  const { timeMs, from: sender, type: _type, ...content } = message;
  const { id = 0 } = message;
  const { person = "", name: personName = sender } = other ?? {};
  const about = { session, network, timeMs, sender, id, person, personName, isCopy };
  return JSON.stringify({ ...about, message: content });
}
