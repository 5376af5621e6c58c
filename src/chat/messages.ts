// Talking: to the room, to the partner of a private chat, to chosen people. Counters make a repeated message count once.

import { message as limits } from "../limits.ts";
import type { Command, PrivateMessage } from "./events.ts";
import type { SessionRecord } from "./history.ts";
import type { Hub } from "./hub.ts";
import { identityOf } from "./names/partner-names.ts";
import { fold } from "./names/grammar.ts";
import { unknownUser } from "./rejections.ts";
import type { Session } from "./session.ts";
import { harmless, quoted } from "../text.ts";

type Say = Extract<Command, { type: "say" }>;
type Tell = Extract<Command, { type: "tell" }>;

export function say(hub: Hub, session: Session, command: Say): void {
  const { text, n } = command;
  if (!isNext(hub, session, n)) return;
  if (n !== undefined) hub.useUp(session, n);
  if (!fits(hub, session, text, n)) return;
  const { partner } = session;
  const to = addressee(session, command);
  if (to === 0) {
    sayAloud(hub, session, text, n);
  } else if (partner?.id === to) {
    sendPrivate(hub, session, { here: [partner], away: [] }, text, true);
  } else {
    refuse(hub, session, "The private chat has ended: this was not sent", n);
  }
}

/** Whom a `say` is for, as things are now: the session of a partner, or 0 for the room. It stays for them if it has to wait. */
export function addressed(session: Session, command: Command): Command {
  return command.type === "say" ? { ...command, to: addressee(session, command) } : command;
}

/** -1 for a partner who is not there. */
function addressee({ partner }: Session, { to }: Say): number {
  if (to === undefined) return partner?.id ?? 0;
  return to === "partner" ? (partner?.id ?? -1) : to;
}

export function tell(hub: Hub, session: Session, { to, text, n }: Tell): void {
  if (!isNext(hub, session, n)) return;
  const tooMany = to.length > limits.maxRecipients;
  const found = tooMany ? undefined : find(hub, session, to);
  if (n !== undefined) hub.useUp(session, n);
  if (!fits(hub, session, text, n)) return;
  if (found === undefined) {
    const message = `At most ${limits.maxRecipients} people can be named: this names ${to.length}`;
    hub.tell(session, {
      type: "error",
      code: "text-invalid",
      message,
      ...(n === undefined ? {} : { n }),
    });
    return;
  }
  if (found.everyone) sayAloud(hub, session, text, n);
  // Said to some of them it has been said: only if it reaches none is it refused under its number.
  const reaches = found.everyone || found.here.length + found.away.length > 0;
  const refused = reaches ? undefined : n;
  for (const name of found.nobody) unknownUser(hub, session, name, undefined, refused);
  for (const name of found.strangers) {
    const whose = `${quoted(name)} is somebody else's name now than your partner's`;
    refuse(hub, session, `${whose}: this was not sent`, refused, name);
  }
  // To the partner by name is part of the private chat: a native client says so, lest a late word reach the room.
  const [first, ...others] = found.here;
  const more = [others, found.away, found.nobody, found.strangers];
  const alone = more.every(({ length }) => length === 0);
  const chat = first !== undefined && first === session.partner && alone;
  sendPrivate(hub, session, found, text, chat);
}

/** Whom a message is for: those in their places, those who are away for a moment with their mail kept, and names of nobody. */
type Recipients = { here: Session[]; away: { name: string; record: SessionRecord }[] };
/** `strangers`: names that were a partner's and are somebody else's now, who is not meant. */
type Found = Recipients & { everyone: boolean; nobody: string[]; strangers: string[] };

/** Looks up who is meant by `to`; each once. */
function find(hub: Hub, session: Session, to: readonly string[]): Found {
  const names = new Map<string, string>();
  for (const name of to) names.set(fold(name), name);
  const everyone = names.delete("all");
  const found: Found = { everyone, here: [], away: [], nobody: [], strangers: [] };
  const { partner, knownNames } = session;
  for (const [folded, name] of names) {
    const known = knownNames?.identity(folded, hub.nowMs);
    const other = hub.members.get(folded) ?? partnerOnce(known, partner);
    const record = other === undefined ? hub.awayRecord(folded) : undefined;
    if (other === undefined && record === undefined) {
      found.nobody.push(name);
      continue;
    }
    const identity = other === undefined ? record?.id : identityOf(other);
    if (known !== undefined && known !== identity) found.strangers.push(name);
    else if (record !== undefined) found.away.push({ name, record });
    // who is in the room hears it there
    else if (other !== undefined && !(everyone && other.room === session.room)) {
      found.here.push(other);
    }
  }
  return found;
}

/** The partner, if it is who had a name that is nobody's now. */
function partnerOnce(known: string | undefined, partner: Session | undefined): Session | undefined {
  return partner !== undefined && known === identityOf(partner) ? partner : undefined;
}

/** It was for somebody who can't be reached by it any more, and is for nobody else. */
function refuse(
  hub: Hub,
  session: Session,
  message: string,
  n: number | undefined,
  name?: string,
): void {
  const subject = name === undefined ? {} : { subject: name };
  const error = { type: "error" as const, code: "unknown-user" as const, message, ...subject };
  hub.tell(session, { ...error, ...(n === undefined ? {} : { n }) });
}

/** Whether a message has the counter that is next. A repeated one is acknowledged again, one that leaves a gap is refused. */
function isNext(hub: Hub, session: Session, n: number | undefined): boolean {
  if (n === undefined) return true;
  if (n <= session.n) {
    session.ackedN = Math.min(session.ackedN, session.committedN - 1);
    hub.turn.keepRecord(session);
    return false;
  }
  if (n !== session.n + 1) {
    hub.tell(session, {
      type: "error",
      code: "protocol",
      n,
      message: `Message ${n} leaves a gap: ${session.n + 1} comes next`,
    });
    return false;
  }
  return true;
}

function fits(hub: Hub, session: Session, text: string, n: number | undefined): boolean {
  if (text.length <= limits.maxTextChars) return true;
  const message = `A message has at most ${limits.maxTextChars} characters, this one ${text.length}: send it in parts, or as a file`;
  hub.tell(session, {
    type: "error",
    code: "text-invalid",
    message,
    ...(n === undefined ? {} : { n }),
  });
  return false;
}

function sayAloud(hub: Hub, session: Session, text: string, n: number | undefined): void {
  const room = session.room!;
  const said = {
    type: "said" as const,
    room: room.name,
    seq: ++room.seq,
    timeMs: hub.nowMs,
    from: session.name,
    alias: session.alias,
    text: harmless(text),
    n,
    author: session.id,
  };
  if (n !== undefined) session.lastSeq = said.seq;
  hub.push(room, said);
  hub.turn.keepSaid(said);
  if (!session.dialect.echo.said) {
    session.special = true;
  }
  const line = session.dialect.terminal?.said?.(session.name, said.text);
  if (line !== undefined) hub.options.log(line);
}

/** The sender is told whom it reached, and the others are told nothing of names that reach nobody: those may be anything. */
function sendPrivate(
  hub: Hub,
  session: Session,
  { here, away }: Recipients,
  text: string,
  chat: boolean,
): void {
  const to = [...here.map((other) => other.name), ...away.map(({ name }) => name)];
  if (to.length === 0) return;
  const message: Omit<PrivateMessage, "mail"> = {
    type: "private",
    timeMs: hub.nowMs,
    from: session.name,
    alias: session.alias,
    to,
    chat,
    text: harmless(text),
  };
  for (const other of here) deliverPrivate(hub, other, message);
  for (const { record } of away) keepForAway(hub, record, message);
  hub.turn.keepSender(session);
  hub.tell(session, { type: "sent", to, text: message.text, chat }, true);
}

function deliverPrivate(hub: Hub, other: Session, message: Omit<PrivateMessage, "mail">): void {
  if (other.recordId === "") {
    hub.tell(other, { ...message, mail: 0 }, true);
    return;
  }
  const numbered = { ...message, mail: ++other.mail };
  hub.turn.keepMail(other.recordId, numbered);
  hub.turn.keepRecord(other);
  // While the past is being replayed, this will come with it.
  if (other.replay === undefined) hub.tell(other, numbered, true);
}

function keepForAway(hub: Hub, record: SessionRecord, message: Omit<PrivateMessage, "mail">): void {
  const mail = record.mail + 1;
  hub.turn.keepMail(record.id, { ...message, mail });
  hub.turn.keepAway({ ...record, mail });
}
