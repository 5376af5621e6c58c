// The welcome of a login: sent once the position of the new member in each room's log is settled,
// before everything else for that session. Starts replaying the private messages that it missed.

import { type HubState, renderPersonal, textsOf } from "../hub-state.ts";
import { settleEntry, type Since } from "../rooms/membership.ts";
import type { Room } from "../rooms/room.ts";
import type { Membership, Session } from "../session.ts";
import type { TimedPersonal } from "../turn/turn-batch.ts";
import type { GrantedLogin, LoginAttempt, LoginFacts } from "./login-stages.ts";

/** A room that the session has entered. */
export type Entry = { readonly room: Room; readonly membership: Membership };

export function welcome(
  hub: HubState,
  session: Session,
  login: GrantedLogin,
  entries: readonly Entry[],
): void {
  const { attempt, facts, newToken: token } = login;
  const { name, secret } = attempt;
  const { taken: n, refusals: refused } = session.counter;
  const order = entries[0]?.membership.hearsFrom ?? hub.pipeline.nextOrder();
  session.awaitsWelcome = true;
  hub.pipeline.gathering.beforeDelivery.push(() => {
    // The session may have been dropped meanwhile, with everything queued for it, or have closed.
    if (!session.awaitsWelcome || session.phase === "gone") return;
    session.awaitsWelcome = false;
    const rooms = entries.map(({ room, membership }) => {
      const since = sinceIn(attempt, room.name);
      const bounds = facts.bounds.get(room.name)!;
      return settleEntry(hub, room, membership, membership.hearsFrom, since, bounds);
    });
    const { mail, recovered } = startMail(hub, session, login);
    const { epoch } = hub.options;
    const { alias, account } = session.identity;
    const entry = { name, alias, secret, epoch, mail, n, refused, recovered, rooms };
    const access = hub.grantAccess(session);
    const persona = hub.personas.shown(session);
    const given = { registered: account !== "", token, access, persona };
    const texts = textsOf(session, { type: "welcome", ...entry, ...given });
    for (const text of [...texts, ...unannouncedRosters(session, entries)]) {
      hub.pipeline.settling?.addPersonal(session, { order, text, timing: "settled" });
    }
    // From now on events are rendered at once, so those that had to wait are rendered before:
    // rendering may change what later ones look like, as a new nick does.
    hub.pipeline.settling?.afterDelivery.push(() => {
      const render = (personal: TimedPersonal) => renderPersonal(session, personal);
      hub.pipeline.gathering.welcome(session, render);
      hub.wake();
    });
  });
  hub.wake();
}

/** Where arrivals bring user lists: those of the rooms to which this one is not announced. */
function unannouncedRosters(session: Session, entries: readonly Entry[]): readonly string[] {
  const { roster } = session.dialect;
  if (roster === undefined) return [];
  const rooms = entries.filter(({ membership }) => !membership.isAnnounced);
  return rooms.map(({ room }) => roster.render(room.names())(session.name));
}

/** The position in a room up to which the client knows it, if it has said so. */
export function sinceIn({ command, rooms }: LoginAttempt, room: string): Since | undefined {
  const { since } = command;
  const seq = rooms.get(room)?.seq;
  return since === undefined || seq === undefined ? undefined : { epoch: since.epoch, seq };
}

/**
 * Starts replaying missed private messages. Returns the number after which live ones follow, and
 * whether all missed ones will be replayed.
 */
function startMail(
  hub: HubState,
  session: Session,
  { attempt, facts, isMailKept }: GrantedLogin,
): { mail: number; recovered: boolean } {
  const { mailbox } = session;
  if (session.dialect.hearsMail === false) return { mail: mailbox.last, recovered: true };
  const { since } = attempt.command;
  // Numbers of another log mean nothing here, nor do those that the mailbox has yet to reach:
  // everything in it is new to the client.
  const isSameLog = since?.epoch === hub.options.epoch && (since.mail ?? 0) <= mailbox.last;
  const has = since?.mail === undefined || isSameLog ? since?.mail : 0;
  const from = has ?? deliveredTo(session, facts.owner);
  if (from !== undefined) mailbox.replayAfter(from);
  // Messages that arrived during the login are replayed too.
  const live = mailbox.replayedTo ?? mailbox.last;
  if (mailbox.replayedTo !== undefined && session.phase === "member") {
    hub.schedule.replaying.add(session);
    hub.wake();
  }
  const isAll = isSameLog && has !== undefined && isMailKept;
  return { mail: has === undefined ? live : mailbox.last, recovered: isAll };
}

/** The last private message delivered to the owner's device, or to any of them. */
function deliveredTo({ proven }: Session, owner: LoginFacts["owner"]): number | undefined {
  const { key, isDevice } = proven;
  const device = isDevice ? owner?.keys.find((one) => one.key === key) : undefined;
  return device === undefined ? owner?.mail : device.mail;
}
