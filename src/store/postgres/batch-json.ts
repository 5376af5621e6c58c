// A batch as the JSON that the commit function reads. Pure.

import type { Batch, Mail } from "../../chat/store.ts";
import { packRuns } from "../packed-runs.ts";

/** The arguments `said`, `people` and `letters`. */
export type BatchJson = { said: string; people: string; letters: string };

export function batchJson({ rooms, sessions, mail }: Batch): BatchJson {
  return {
    said: `[${rooms.map(({ room, runs }) => roomJson(room, packRuns(runs))).join(",")}]`,
    people: JSON.stringify(
      sessions.map(({ minMail = 0, ...record }) => ({ ...record, minMail, isHere: false })),
    ),
    letters: `[${mail.map(letterJson).join(",")}]`,
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

function letterJson({ session, network, message }: Mail): string {
  const { timeMs, from: sender, type: _type, ...content } = message;
  return JSON.stringify({ session, network, timeMs, sender, message: content });
}
