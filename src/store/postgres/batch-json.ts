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
    said: `[${rooms.map(({ room, runs }) => roomJson(room, packRuns(runs))).join(",")}]`,
    there: JSON.stringify(presence),
    people: JSON.stringify(
      sessions.map((record) => ({ minMail: 0, ...record, seenMs: away.common(record.seenMs) })),
    ),
    letters: `[${mail.map(letterJson).join(",")}]`,
    directory: JSON.stringify(people.map(({ folded, entry }) => entry ?? { folded })),
    signals: JSON.stringify(signals),
    gone: JSON.stringify(
      released.map(({ name, holder }) => ({ name, holder: holderAt(server, holder) })),
    ),
  };
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
