// How sessions are ended that did not ask for it: replaced by their own new connection, too slow, owed a past that
// can't be read, or the server stops. Each is told why in one line. Queues and state only, as everything here.

import { output } from "../limits.ts";
import { dissolve } from "./private-chat.ts";
import type { Hub } from "./hub.ts";
import type { Session } from "./session.ts";
import { recordOf } from "./commit-batch.ts";

/** The session's own new connection takes over. `silent`: the room hears nothing of it. */
export function replace(hub: Hub, before: Session, silent: boolean): void {
  const { room } = before;
  if (silent && room !== undefined) {
    dissolve(before, hub.tellChat, "lost");
    room.remove(before);
    hub.members.delete(before.folded);
    hub.records.delete(before.recordId);
    before.leaveRoom();
    before.phase = "visitor";
  } else {
    hub.part(before, "replaced");
  }
  const reason = "You have connected again from elsewhere";
  hub.tell(before, { type: "bye", reason, code: "replaced" });
  hub.end(before);
}

/** A reader that does not read: its backlog is given up at once, it is told in one line, and the connection ends. */
export function dropSlow(hub: Hub, session: Session): void {
  if (session.phase === "ending" || session.phase === "gone") return;
  hub.options.metrics.slowReadersDropped++;
  const lag = Math.round(session.lagBytes / 1024);
  const reason = `You read too slowly: ${lag} KiB were waiting; connect again to catch up`;
  hub.part(session, "slow");
  const bye = session.conversation.render({ type: "bye", reason }) ?? [];
  const texts = typeof bye === "string" ? [bye] : bye;
  session.dropSpaced();
  session.outbox.abandon(Buffer.from(texts.map((text) => session.lineOf(text)).join("")));
  session.phase = "ending";
  hub.due.ending(session);
}

/** More waits for all together than may: those who lag most are dropped until a quarter is free. */
export function dropSlowest(hub: Hub): void {
  const lagging = Array.from(hub.sessions).filter(({ outbox }) => outbox.blocked);
  lagging.sort((a, b) => b.outbox.lagBytes - a.outbox.lagBytes);
  for (const session of lagging) {
    if (hub.backlog.bytes <= 0.75 * output.maxBacklogBytes) return;
    if (session.phase !== "ending") dropSlow(hub, session);
    else {
      // It is over anyway.
      session.outbox.clear();
      hub.due.finish(session);
    }
  }
}

/** The server can't go on with this one: it leaves as one that has lost its connection does, and may come back. */
export function lose(hub: Hub, session: Session, reason: string): void {
  hub.part(session, "lost");
  hub.tell(session, { type: "bye", reason });
  hub.end(session);
}

/**
 * Tells everyone that the server stops, and ends every connection. Nobody hears of the others' leaving; whoever has a session is
 * away from now on, so that its mail is kept over a restart.
 */
export function stop(hub: Hub, reason: string): void {
  hub.flush(hub.nowMs);
  for (const session of hub.sessions) {
    if (session.phase === "ending" || session.phase === "gone") continue;
    if (session.phase === "member" && session.recordId !== "") {
      hub.turn.keepAway(recordOf(session, hub.nowMs));
    }
    session.delayed = undefined;
    hub.tell(session, { type: "bye", reason });
    session.phase = "ending";
    session.endAfterFlush = true;
    hub.turn.touch(session);
  }
  hub.flush(hub.nowMs);
  for (const session of hub.members.values()) {
    hub.aliases.drop(session);
    session.room?.remove(session);
    session.leaveRoom();
  }
  hub.members.clear();
  hub.records.clear();
  hub.rooms.clear();
  hub.due.forgetRooms();
}
