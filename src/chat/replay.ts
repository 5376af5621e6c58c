// The past, for a member that has come back: mail first, then what the room said, a page a turn and only as fast as the
// member reads. When it has caught up it hears the room live; nothing is told twice and nothing is left out.

import { history as limits } from "../limits.ts";
import type { ResumePoint } from "./events.ts";
import { fittingPage, type History } from "./history.ts";
import type { Hub } from "./hub.ts";
import type { Room } from "./room.ts";
import type { Replay, Session } from "./session.ts";

/** What a returning member has missed. `recovered` is false where some of that is lost. */
export type Missed = { replay: Replay | undefined; recovered: boolean };

/**
 * Looks up what is new since `since` in a room and in the mail of a record, whose last number is `committedMail`. Changes nothing.
 * @throws ParleyError `storage`
 */
export function missedSince(
  history: History,
  { name, committedSeq }: Room,
  { recordId, committedMail }: { recordId: string; committedMail: number },
  since: ResumePoint | undefined,
): Missed {
  if (since === undefined || (since.seq === undefined && since.mail === undefined)) {
    return { replay: undefined, recovered: false };
  }
  if (since.epoch !== history.epoch) {
    // Another log: what it has is news, as far as one page goes; the numbers of the old one say nothing here.
    const seq = Math.max(0, committedSeq - limits.pageMessages);
    return { replay: { seq, mail: committedMail }, recovered: false };
  }
  const seq = Math.min(since.seq ?? committedSeq, committedSeq);
  const mail = Math.min(since.mail ?? committedMail, committedMail);
  // A log that is shorter than what was read from it has lost its end, and has or will have other messages there.
  const isWhole = (since.seq ?? 0) <= committedSeq && (since.mail ?? 0) <= committedMail;
  const isKept = seq + 1 >= history.firstSeq(name);
  const hasMail =
    mail === committedMail || history.mailAfter(recordId, mail, 1)[0]?.mail === mail + 1;
  return { replay: { seq, mail }, recovered: isWhole && isKept && hasMail };
}

/**
 * Lets a member that has come into a room hear it, after what it has missed. `owedMail`: mail after this number has not been told
 * yet, whatever it asked for.
 */
export function startReplay(
  hub: Hub,
  session: Session,
  room: Room,
  { replay }: Missed,
  owedMail?: number,
): void {
  if (replay !== undefined && owedMail !== undefined) replay.mail = Math.min(replay.mail, owedMail);
  const owed = owedMail === undefined ? undefined : { seq: room.committedSeq, mail: owedMail };
  session.replay = replay ?? owed;
  room.hear(session);
  if (session.replay !== undefined) hub.due.replay(session);
}

/**
 * Queues the next page; ends the replay once nothing of the past is left.
 * @throws ParleyError `storage`, before anything of the page is queued
 */
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
  // From here on it hears what is said: nothing that is pending was in the log yet.
  session.replay = undefined;
}
