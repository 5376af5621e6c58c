// The past, for a member that has come back: mail first, then what the room said, a page a turn and only as fast as the
// member reads. When it has caught up it hears the room live; nothing is told twice and nothing is left out.

import { history as limits } from "../limits.ts";
import type { ResumePoint } from "./events.ts";
import { fittingPage } from "./history.ts";
import type { Hub } from "./hub.ts";
import type { Session } from "./session.ts";

/** Decides what a returning member has missed. `recovered` is false where some of that is lost. */
export function startReplay(
  hub: Hub,
  session: Session,
  since: ResumePoint | undefined,
): { recovered: boolean } {
  const { history } = hub.options;
  const { room } = session;
  if (room === undefined) return { recovered: false };
  if (since === undefined || (since.seq === undefined && since.mail === undefined)) {
    room.hear(session);
    return { recovered: false };
  }
  if (since.epoch !== history.epoch) {
    // Another log: what it has is news, as far as one page goes; the numbers of the old one say nothing here.
    session.replay = {
      seq: Math.max(0, room.committedSeq - limits.pageMessages),
      mail: session.committedMail,
    };
    hub.due.replay(session);
    return { recovered: false };
  }
  const seq = Math.min(since.seq ?? room.committedSeq, room.committedSeq);
  const mail = Math.min(since.mail ?? session.committedMail, session.committedMail);
  const recovered = seq + 1 >= history.firstSeq(room.name);
  session.replay = { seq, mail };
  hub.due.replay(session);
  return { recovered };
}

/** Queues the next page; ends the replay once nothing of the past is left. */
export function continueReplay(hub: Hub, session: Session): void {
  const { replay, room } = session;
  if (replay === undefined || room === undefined) return;
  const { history } = hub.options;
  const mail =
    session.recordId === ""
      ? []
      : fittingPage(
          history.mailAfter(session.recordId, replay.mail, limits.pageMessages),
          "oldest",
        );
  for (const message of mail) {
    hub.tell(session, message);
    replay.mail = message.mail;
  }
  if (mail.length > 0) return hub.due.replay(session);
  const said = fittingPage(history.after(room.name, replay.seq, limits.pageMessages), "oldest");
  for (const message of said) {
    hub.tell(session, { type: "replay", message });
    replay.seq = message.seq;
  }
  if (replay.seq < room.committedSeq && said.length > 0) return hub.due.replay(session);
  session.replay = undefined;
  room.hear(session);
  // What is pending this turn was not yet in the log, so it is all news to this member.
  session.hearsFrom = 0;
  hub.turn.touch(session);
}
