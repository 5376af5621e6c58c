// Sending messages: to a room, to the private-chat partner, to chosen people (private/recipients.ts
// finds them). Counters make a resent message count once.

import type { ErrorCode } from "../errors.ts";
import { message as limits, people } from "../limits.ts";
import { harmlessLines, lineCount, oneLine, quoted } from "../text.ts";
import { mailNetworkOf } from "./private/absent-mail.ts";
import type { HubState } from "./hub-state.ts";
import type { Command } from "./events.ts";
import { speechProblem } from "./rooms/room-rights.ts";
import { mailboxOf } from "./private/mail-history.ts";
import { fold, lobby } from "./names/grammar.ts";
import {
  type About,
  refuseIfOverfull,
  reject,
  rejectFullMailbox,
  rejectUnknownUser,
  rejectUnread,
} from "./rejections.ts";
import {
  type Found,
  findRecipients,
  partnerOf,
  partnerPerson,
  type Recipients,
} from "./private/recipients.ts";
import { personKey, type Session } from "./session.ts";
import { muteText } from "./suspect.ts";
import type { Sealed } from "../protocol/messages.ts";
import type { MailPartner } from "./turn/store.ts";
import type { MailItem } from "./turn/turn-batch.ts";

type Say = Extract<Command, { type: "say" }>;
type Tell = Extract<Command, { type: "tell" }>;

type Content = Pick<Say, "text" | "kind" | "tags" | "n" | "ref"> & Pick<Tell, "sealed" | "copies">;

/** `partner`: the partner that the message was meant for when it arrived. */
export function say(
  hub: HubState,
  session: Session,
  command: Say,
  partner = session.privateChat.partner,
): void {
  const { text, kind, tags, n, to, ref } = command;
  if (!isNext(hub, session, n)) return;
  if (isMuted(hub, session, command) || !fits(hub, session, text, n)) return;
  if (to === "partner") {
    const reached = partner === session.privateChat.partner ? partnerOf(hub, session) : undefined;
    if (reached === undefined) {
      const message = "The private chat has ended: the message was not sent";
      return refuse(hub, session, "unknown-user", message, { n });
    }
    takeCounter(hub, session, n, undefined);
    return sendPrivate(hub, session, reached, { text, kind, tags, n }, true);
  }
  const asked = command.room ?? lobby;
  // Most clients send the folded name.
  const roomName = session.rooms.has(asked) ? asked : fold(asked);
  const problem = speechProblem(hub, session, roomName);
  if (problem !== undefined) {
    const about = { n, ref, subject: asked };
    return refuse(hub, session, problem.code, problem.message, about);
  }
  sayInRoom(hub, session, roomName, command);
}

export function tell(hub: HubState, session: Session, command: Tell): void {
  const { to, text, sealed, n } = command;
  if (!isNext(hub, session, n)) return;
  if (to.length > limits.maxRecipients) {
    const message = `A message can have at most ${limits.maxRecipients} recipients, not ${to.length}`;
    return refuse(hub, session, "text-invalid", message, { n });
  }
  if (isMuted(hub, session, command) || !fits(hub, session, text, n)) return;
  if (sealed !== undefined && !isSealable(hub, session, command)) return;
  findRecipients(hub, session, to, (error, resolve) => {
    // An earlier message failed meanwhile; the sender resends from there.
    if (n !== undefined && n !== session.counter.taken + 1) return;
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    // A mute may have come into force meanwhile.
    if (session.phase !== "member" || isMuted(hub, session, command)) return;
    tellFound(hub, session, command, resolve());
  });
}

/** A sealed message has one recipient: its boxes are for that person's devices. */
function isSealable(hub: HubState, session: Session, { to, sealed, copies, n }: Tell): boolean {
  const [name = ""] = to;
  if (to.length === 1 && fold(name) !== "all") {
    const chars = charsOf(sealed?.boxes) + charsOf(copies);
    return !refuseIfOverfull(hub, session, { n }, chars);
  }
  const message = "A sealed message has one recipient: seal it for each of them";
  refuse(hub, session, "text-invalid", message, { n });
  return false;
}

function charsOf(boxes: Sealed["boxes"] = []): number {
  return boxes.reduce((sum, { key, box }) => sum + key.length + box.length, 0);
}

/** For clients of other dialects, and for those without the key. */
const sealedText = "(a sealed message: parley client can read it on one of your devices)";

function tellFound(hub: HubState, session: Session, command: Tell, found: Found): void {
  const { text, kind, tags, sealed, n, ref } = command;
  // A message counts as sent if it reaches anyone; only one that reaches nobody is refused by
  // number.
  const reaches = found.everyone || found.here.length + found.away.length > 0;
  if (found.everyone) sayInRoom(hub, session, lobby, { text, kind, tags, n });
  else takeCounter(hub, session, n, reaches ? undefined : whyNobody(found));
  const about: About = { n: reaches ? undefined : n, ref, takesCounter: true };
  if (found.barred !== undefined) {
    const { code, message } = found.barred;
    reject(hub, session, code, message, { ...about, subject: lobby });
  }
  const isCounted = n !== undefined && reaches;
  const missed = [...found.unknown, ...found.reassigned];
  if (isCounted && found.barred !== undefined) session.counter.miss(found.barred.code, lobby);
  if (isCounted) for (const name of missed) session.counter.miss("unknown-user", name);
  if (isCounted) for (const name of found.full) session.counter.miss("full", name);
  for (const name of found.unknown) rejectUnknownUser(hub, session, name, about);
  for (const name of found.reassigned) {
    const message = `${quoted(name)} no longer belongs to your partner: the message was not sent`;
    reject(hub, session, "unknown-user", message, { ...about, subject: name });
  }
  for (const name of found.full) rejectFullMailbox(hub, session, name, about);
  // A message addressed by name to the partner alone is part of the private chat.
  const persons = [
    ...found.here.map(({ identity }) => personKey(identity)),
    ...found.away.map(({ mailbox }) => mailbox),
  ];
  const isMissed = found.barred !== undefined || missed.length + found.full.length > 0;
  const isAlone = !isMissed && persons.length === 1;
  const inChat = persons[0] !== undefined && persons[0] === partnerPerson(hub, session);
  const shown = sealed === undefined ? text : sealedText;
  sendPrivate(hub, session, found, { ...command, text: shown }, inChat && isAlone);
}

/** The error code for a message that reaches nobody; undefined: it had no recipients. */
function whyNobody({ barred, unknown, reassigned, full }: Found): ErrorCode | undefined {
  if (barred !== undefined) return barred.code;
  if (unknown.length + reassigned.length > 0) return "unknown-user";
  return full.length > 0 ? "full" : undefined;
}

/** Whether `n` is the next counter. A repeated message is acknowledged again; a gap is rejected. */
function isNext(hub: HubState, session: Session, n: number | undefined): boolean {
  if (n === undefined) return true;
  const { taken, settled } = session.counter;
  if (n <= taken) {
    if (n <= settled) {
      hub.send(session, { type: "ack", n: settled, room: undefined, seq: undefined });
    }
    return false;
  }
  if (n === taken + 1) return true;
  reject(hub, session, "protocol", `Message ${n} leaves a gap: expected ${taken + 1}`, { n });
  return false;
}

/** Notifies a muted sender; the message counts as permanently refused. */
function isMuted(hub: HubState, session: Session, command: Say | Tell): boolean {
  const { n, ref } = command;
  const muted = muteText(hub, session);
  if (muted === undefined) return false;
  const room = command.type === "say" ? command.room : undefined;
  // In the native protocol, the number identifies the message.
  const subject = n === undefined ? room : undefined;
  refuse(hub, session, "muted", muted, { n, ref, subject });
  return true;
}

function fits(hub: HubState, session: Session, text: string, n: number | undefined): boolean {
  const message = textProblem(text);
  if (message !== undefined) {
    refuse(hub, session, "text-invalid", message, { n });
    return false;
  }
  return !refuseIfOverfull(hub, session, { n }, text.length);
}

/** Why a text is too long; undefined if it is not. */
export function textProblem(text: string): string | undefined {
  const { maxTextChars, maxTextLines } = limits;
  const advice = "are allowed: split it, or send a file";
  if (text.length > maxTextChars) {
    return `The message has ${text.length} characters, at most ${maxTextChars} ${advice}`;
  }
  const lines = lineCount(text);
  if (lines <= maxTextLines) return undefined;
  return `The message has ${lines} lines, at most ${maxTextLines} ${advice}`;
}

/** Uses up a message's counter. `code`: the message is refused for good. */
function takeCounter(
  hub: HubState,
  session: Session,
  n: number | undefined,
  code: ErrorCode | undefined,
): void {
  if (n === undefined) return;
  session.counter.take(n, code);
  hub.pipeline.gathering.count(session, n, undefined, 0);
  hub.wake();
}

/**
 * Refuses a message for good: its number is used up. While too much waits for the store, which has
 * to know of that, it is refused for now.
 */
export function refuse(
  hub: HubState,
  session: Session,
  code: ErrorCode,
  message: string,
  about: Omit<About, "takesCounter">,
): void {
  if (about.n !== undefined && refuseIfOverfull(hub, session, about)) return;
  takeCounter(hub, session, about.n, code);
  reject(hub, session, code, message, { ...about, takesCounter: true });
}

export function sayInRoom(
  hub: HubState,
  session: Session,
  roomName: string,
  { text, kind, tags, n, ref }: Content,
): void {
  const room = hub.rooms.get(roomName);
  if (room === undefined) throw new Error(`A member's room '${roomName}' is not open`);
  if (n !== undefined) session.counter.take(n);
  const said = harmlessLines(text);
  const { gathering } = hub.pipeline;
  const persona = hub.personas.shown(session);
  const order = hub.pipeline.nextOrder();
  const how = { order, timeMs: hub.stampMs, n, kind, tags, persona };
  const counted = gathering.say(room, session, said, how);
  const { nowMs, spareChars } = hub;
  hub.lastSaid = { session, run: counted.run, nowMs, spareChars };
  noteSpoken(hub, session);
  if (ref !== undefined) {
    const order = hub.pipeline.nextOrder();
    // Its number is known once it is committed.
    const event = { type: "own", ...counted, ref } as const;
    gathering.addPersonal(session, { order, event, timing: "committed" });
  }
  hub.wake();
  const line = session.dialect.terminal?.said?.(session.name, oneLine(said));
  if (line !== undefined) hub.options.print(line);
}

/** Reports to other servers, to the minute, when somebody last spoke. */
function noteSpoken(hub: HubState, { person, identity }: Session): void {
  person.spokeMs = hub.nowMs;
  if (hub.isAlone || hub.nowMs - person.listedMs < people.spokenMs) return;
  person.listedMs = hub.nowMs;
  hub.list(identity.folded);
}

/**
 * Queues copies for the history of a registered sender, one for each recipient. If it is sealed for
 * other devices of theirs, or some client of theirs may show copies, they receive it.
 */
function keepCopies(
  { names, isAlone, pipeline: { gathering } }: HubState,
  item: Omit<MailItem, "recipient" | "stored">,
  copies: Sealed["boxes"] | undefined,
  recipients: readonly MailPartner[],
): void {
  const { mailbox, account } = item.author.identity;
  if (account === "") return;
  // The boxes of `sealed` are for the recipient's devices only.
  const { sealed, ...message } = item.message;
  const isShown =
    sealed === undefined
      ? // Other servers may have such clients.
        !isAlone || names.readers(mailbox).some(({ hearsCopies }) => hearsCopies)
      : copies !== undefined;
  for (const other of recipients) {
    // A message to oneself is in the mailbox already.
    if (other.person === mailbox) continue;
    const copy = { ...item, message: { ...message, to: [other.name] }, other };
    const kept = { ...copy, recipient: mailbox, stored: true };
    gathering.chars += message.text.length + charsOf(copies);
    if (!isShown) {
      gathering.mail.push({ ...kept, isCopy: true });
      continue;
    }
    const own = copies && sealed && { sealed: { key: sealed.key, boxes: copies } };
    gathering.mail.push({ ...kept, message: { ...copy.message, ...own, isOwn: true } });
  }
}

/** Queues a private message, and its confirmation to the sender. */
function sendPrivate(
  hub: HubState,
  session: Session,
  { here, away }: Recipients,
  { text, kind, tags, sealed, copies, n, ref }: Content,
  isChat: boolean,
): void {
  const to = [...here.map(({ name }) => name), ...away.map(({ name }) => name)];
  if (to.length === 0) return;
  const { name: from, alias } = session.identity;
  const persona = hub.personas.shown(session);
  const id = hub.pipeline.nextOrder();
  noteSpoken(hub, session);
  const message = {
    type: "private" as const,
    timeMs: hub.stampMs,
    from,
    alias,
    to,
    chat: isChat,
    text: harmlessLines(text),
    id,
    ...(kind === undefined ? {} : { kind }),
    ...(sealed === undefined ? {} : { sealed }),
  };
  const live = { persona, tags };
  const { gathering } = hub.pipeline;
  gathering.speakers.add(session);
  const order = hub.pipeline.nextOrder();
  const network = mailNetworkOf(session);
  const other = { person: session.identity.mailbox, name: from };
  const item = { order, network, message, other, live, author: session, n, mail: 0 };
  for (const { identity } of here) {
    gathering.mail.push({
      ...item,
      recipient: personKey(identity),
      stored: identity.mailbox !== "",
    });
  }
  for (const { mailbox, isElsewhere } of away) {
    // Their server knows nothing about the sender except what is sent along.
    const known = isElsewhere === true ? { ...message, persona } : message;
    gathering.mail.push({ ...item, message: known, recipient: mailbox, stored: true });
  }
  keepCopies(hub, item, copies, [
    ...here.map(({ name, identity }) => ({ name, person: identity.mailbox })),
    ...away.map(({ name, mailbox }) => ({ name, person: mailboxOf(mailbox) })),
  ]);
  gathering.chars += (text.length + charsOf(sealed?.boxes)) * to.length;
  hub.wake();
  const { timeMs } = message;
  const said = [
    ...here.map(({ name, person }) => ({ name, text: person.away })),
    ...away.map(({ name, note }) => ({ name, text: note })),
  ];
  const notes = said.flatMap(({ name, text }) => (text === undefined ? [] : [{ name, text }]));
  const sent = { to, text: message.text, kind, chat: isChat, timeMs, id, tags, away: notes, ref };
  hub.send(session, { type: "sent", ...sent }, "committed");
}
