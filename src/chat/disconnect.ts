// How a session ends: it leaves its rooms, its private chat and its name, and the connection ends after its last line. Also those
// that did not ask for it: replaced by their own new connection, too slow, owed a past that can't be read, or the server stops.

import { output as limits } from "../limits.ts";
import { type HubState, textsOf } from "./hub-state.ts";
import type { LeaveReason } from "./events.ts";
import { leaveRoom, roomsOf } from "./membership.ts";
import { dissolve } from "./private-chat.ts";
import type { Session } from "./session.ts";
import { sessionFields } from "./session-log.ts";

/**
 * The other side has sent no goodbye, just its FIN. A system without sessions has no other; in one that has them, it is what a
 * process or a proxy leaves that has died, and whoever it was may come back.
 */
export function reasonOfEnd(session: Session): LeaveReason {
  return session.identity.recordId === "" ? "quit" : "lost";
}

/**
 * The member leaves its rooms, its private chat and its name; the connection stays. `unheard`: rooms that are not told, for to
 * them nothing changes.
 */
export function partAll(
  chat: HubState,
  session: Session,
  reason: LeaveReason,
  unheard: ReadonlySet<string> = none,
): void {
  if (session.phase !== "member") return;
  const { identity, dialect } = session;
  const terminal = dialect.terminal?.gone?.(identity.name);
  if (terminal !== undefined) chat.options.print(terminal);
  chat.options.log.info("left", { ...sessionFields(session), reason });
  dissolve(chat, session, reason === "lost" || reason === "slow" ? "lost" : "left");
  for (const room of roomsOf(chat, session)) {
    leaveRoom(chat, session, room, reason, unheard.has(room.name));
  }
  chat.names.leave(session);
  session.phase = "visitor";
  if (identity.recordId === "" || reason === "replaced") return;
  depart(chat, session, reason === "quit" ? "" : identity.folded);
}

const none: ReadonlySet<string> = new Set();

/** Its record says from now on that it is away. */
function depart(chat: HubState, session: Session, name: string): void {
  const { gathering } = chat.pipeline;
  gathering.records.delete(session);
  gathering.departed.set(session.identity.recordId, { session, name, seenMs: chat.nowMs });
  chat.wake();
}

/** Ends a connection after everything that was queued for it has left. */
export function end(chat: HubState, session: Session): void {
  if (session.phase === "ending" || session.phase === "gone") return;
  partAll(chat, session, "quit");
  session.phase = "ending";
  session.queue.clear();
  chat.pipeline.gathering.ending.add(session);
  chat.wake();
}

/** The session's own new connection takes over. `unheard`: rooms to which nothing changes. */
export function replace(chat: HubState, before: Session, unheard: ReadonlySet<string>): void {
  partAll(chat, before, "replaced", unheard);
  const reason = "You have connected again from elsewhere";
  chat.tell(before, { type: "bye", reason, code: "replaced" });
  end(chat, before);
}

/** A reader that does not read: its backlog is given up at once, it is told in one line, and the connection ends. */
export function dropSlow(chat: HubState, session: Session): void {
  if (session.phase === "ending" || session.phase === "gone") return;
  chat.options.metrics.slowReadersDropped++;
  const lagKiB = Math.round(session.output.lagBytes / 1024);
  const reason = `You read too slowly: ${lagKiB} KiB were waiting; connect again to catch up`;
  partAll(chat, session, "slow");
  session.output.abandon(textsOf(session, { type: "bye", reason }));
  session.phase = "ending";
  session.queue.clear();
  session.liveness.endingMs = chat.nowMs;
  chat.schedule.ending.add(session);
  chat.wake();
}

/** More waits for all together than may: those who lag most are dropped until a quarter is free. */
export function dropSlowest(chat: HubState): void {
  if (chat.backlog.bytes <= limits.maxBacklogBytes) return;
  const lagging = Array.from(chat.sessions).filter(({ output }) => output.outbox.blocked);
  lagging.sort((a, b) => b.output.lagBytes - a.output.lagBytes);
  for (const session of lagging) {
    if (chat.backlog.bytes <= 0.75 * limits.maxBacklogBytes) return;
    // One that is ending is over anyway.
    if (session.phase === "ending") session.output.clear();
    else dropSlow(chat, session);
  }
}

/** The server can't go on with this one: it leaves as one that has lost its connection does, and may come back. */
export function lose(chat: HubState, session: Session, reason: string): void {
  partAll(chat, session, "lost");
  chat.tell(session, { type: "bye", reason });
  end(chat, session);
}

/**
 * Tells everybody that the server stops, and ends every connection. Nobody hears of the others' leaving; whoever has a session
 * is away from now on, so that its name and mail are kept over a restart.
 */
export function stopAll(chat: HubState, reason: string): void {
  for (const session of chat.sessions) {
    if (session.phase === "ending" || session.phase === "gone") continue;
    if (session.phase === "member" && session.identity.recordId !== "") {
      depart(chat, session, session.identity.folded);
    }
    for (const room of roomsOf(chat, session)) leaveRoom(chat, session, room, "quit", true);
    session.queue.clear();
    chat.tell(session, { type: "bye", reason });
    session.phase = "ending";
    chat.pipeline.gathering.ending.add(session);
  }
  chat.names.clear();
  chat.wake();
}
