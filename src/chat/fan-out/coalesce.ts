// Messages of one sender that follow each other can leave as one line, where a dialect has such a line: it is rendered once, is
// half as long, and costs every connection half as much. Pure.

import { output } from "../../limits.ts";
import type { RoomEvent, Said } from "../events.ts";
import type { Session } from "../session.ts";

type Events = readonly (RoomEvent | undefined)[];

/** The messages that begin at `from` and make a run: one if what follows is no part of it, none if there is no message. */
export function runAt(events: Events, from: number, cuts: ReadonlySet<number>): Said[] {
  const run: Said[] = [];
  let chars = 0;
  for (let at = from; at < events.length; at++) {
    const event = events[at];
    if (event?.type !== "said") break;
    if (at > from && (cuts.has(at) || !follows(event, run[run.length - 1]!))) break;
    chars += event.text.length;
    if (run.length > 0 && chars > output.maxRunChars) break;
    run.push(event);
  }
  return run;
}

/** Where a run has to part: a member begins to hear there, or hears something of its own. */
export function cutsOf(members: ReadonlySet<Session>): ReadonlySet<number> {
  let cuts: Set<number> | undefined;
  for (const { hearsFrom, personal } of members) {
    if (hearsFrom === 0 && personal === undefined) continue;
    cuts ??= new Set();
    cuts.add(hearsFrom);
    for (const { at } of personal ?? []) cuts.add(at);
  }
  return cuts ?? none;
}

const none: ReadonlySet<number> = new Set();

/** Same sender and time, and both numbers go on by one. */
function follows(said: Said, before: Said): boolean {
  const counted = before.n === undefined ? undefined : before.n + 1;
  return (
    said.from === before.from &&
    said.timeMs === before.timeMs &&
    said.seq === before.seq + 1 &&
    said.n === counted
  );
}
