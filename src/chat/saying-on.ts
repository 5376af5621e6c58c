// A session that says one thing after another, in one read and in one room: what was checked for
// the last message holds for the next one as long as the hub has handled nothing in between. Saves
// a third of the work of a message before it is stored, and a third of what the engine compiles.

import { output } from "../limits.ts";
import { harmlessLines, oneLine } from "../text.ts";
import type { Command } from "./events.ts";
import type { HubState, LastSaid } from "./hub-state.ts";
import { textProblem } from "./messages.ts";
import { lobby } from "./names/grammar.ts";
import { mayRun } from "./rates/throttle.ts";

/**
 * Adds a message to the run of the last one, by the same session (`HubState.continuable`). False,
 * and nothing has happened: it must be checked like any other.
 */
export function sayOn(
  hub: HubState,
  command: Extract<Command, { type: "say" }>,
  readChars: number,
  last: LastSaid,
): boolean {
  const { text, n, room = lobby, to, kind, tags, ref } = command;
  const { session, run, nowMs } = last;
  const { counter, queue } = session;
  const continues =
    nowMs === hub.nowMs &&
    room === run.room &&
    to === undefined &&
    ref === undefined &&
    kind === run.kind &&
    tags === run.tags &&
    (n === undefined ? run.n === undefined : run.n !== undefined && n === counter.taken + 1) &&
    run.chars + text.length <= output.maxRunChars;
  if (!continues || queue.isBlocked || queue.length > 0) return false;
  if (textProblem(text) !== undefined || text.length > last.spareChars) return false;
  const { rates, print } = hub.options;
  if (rates !== undefined && !mayRun(hub, session, command, rates, readChars)) return false;
  if (n !== undefined) counter.take(n);
  const said = harmlessLines(text);
  hub.pipeline.gathering.sayOn(session, run, said, n);
  const line = session.dialect.terminal?.said?.(session.name, oneLine(said));
  if (line !== undefined) print(line);
  last.spareChars -= said.length + output.gatheredMessageChars;
  return true;
}
