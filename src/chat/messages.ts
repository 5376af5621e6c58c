// Talking: to a room, to the partner of a private chat, to chosen people. Counters make a repeated message count once.

import { history, message as limits, output } from "../limits.ts";
import { harmless, quoted } from "../text.ts";
import type { HubState } from "./hub-state.ts";
import type { Command } from "./events.ts";
import { fold, lobby } from "./names/grammar.ts";
import { type About, reject, rejectUnknownUser, rejectUnread } from "./rejections.ts";
import type { Session } from "./session.ts";
import { StoreAnswers } from "./store-answers.ts";
import type { SessionRecord } from "./store.ts";

type Say = Extract<Command, { type: "say" }>;
type Tell = Extract<Command, { type: "tell" }>;

/** `partner`: whom a message to the partner was for when it came. */
export function say(
  chat: HubState,
  session: Session,
  command: Say,
  partner = session.privateChat.partner,
): void {
  const { text, n, to } = command;
  if (!isNext(chat, session, n)) return;
  if (!fits(chat, session, text, n)) return;
  if (to === "partner") {
    const person = partner === undefined ? undefined : chat.names.person(partner);
    if (person === undefined || session.privateChat.partner !== partner) {
      const message = "The private chat has ended: this was not sent";
      return refuse(chat, session, n, message);
    }
    useUp(chat, session, n);
    return sendPrivate(chat, session, { here: [person], away: [] }, text, true, n);
  }
  const asked = command.room ?? lobby;
  // Most clients write the name as it is folded.
  const roomName = session.rooms.has(asked) ? asked : fold(asked);
  if (!session.rooms.has(roomName)) {
    useUp(chat, session, n);
    const message = `You are not in the room ${quoted(asked)}: join it first`;
    return reject(chat, session, "not-in-room", message, { n, subject: asked, usesUp: true });
  }
  sayAloud(chat, session, roomName, text, n);
}

export function tell(chat: HubState, session: Session, command: Tell): void {
  const { to, text, n } = command;
  if (!isNext(chat, session, n)) return;
  if (to.length > limits.maxRecipients) {
    useUp(chat, session, n);
    const message = `At most ${limits.maxRecipients} people can be named: this names ${to.length}`;
    return reject(chat, session, "text-invalid", message, { n, usesUp: true });
  }
  if (!fits(chat, session, text, n)) return;
  const names = new Map<string, string>();
  for (const name of to) names.set(fold(name), name);
  names.delete("all");
  const absent = new Map<string, SessionRecord>();
  const answers = new StoreAnswers(chat, session);
  const sinceMs = chat.nowMs - history.mailHoldMs;
  for (const folded of names.keys()) {
    if (chat.names.holder(folded) !== undefined) continue;
    answers.ask<SessionRecord | undefined>(
      (then) => chat.store.findName(folded, sinceMs, then),
      (record) => {
        if (record !== undefined) absent.set(folded, record);
      },
    );
  }
  answers.whenAnswered((error) => {
    // A message before it has not got into the log meanwhile: its sender goes back to that one.
    if (n !== undefined && n !== session.counter.taken + 1) return;
    if (error !== undefined) return rejectUnread(chat, session, command, error);
    if (session.phase === "member") tellFound(chat, session, command, absent);
  });
}

/** Whom a message is for: those in their places, those who are away for a moment with their mail kept. */
type Recipients = { here: Session[]; away: { name: string; record: SessionRecord }[] };
/**
 * `nobody`: names that nobody has. `strangers`: names that were a partner's and are somebody else's now, who is not meant.
 */
type Found = Recipients & { everyone: boolean; nobody: string[]; strangers: string[] };

function tellFound(
  chat: HubState,
  session: Session,
  { to, text, n }: Tell,
  absent: ReadonlyMap<string, SessionRecord>,
): void {
  const found = find(chat, session, to, absent);
  if (found.everyone) sayAloud(chat, session, lobby, text, n);
  else useUp(chat, session, n);
  // Said to some of them it has been said: only if it reaches none is it refused under its number.
  const reaches = found.everyone || found.here.length + found.away.length > 0;
  const about: About = { n: reaches ? undefined : n, usesUp: true };
  for (const name of found.nobody) rejectUnknownUser(chat, session, name, about);
  for (const name of found.strangers) {
    const message = `${quoted(name)} is somebody else's name now than your partner's: this was not sent`;
    reject(chat, session, "unknown-user", message, { ...about, subject: name });
  }
  // To the partner by name is part of the private chat.
  const [first, ...others] = found.here;
  const more = [others, found.away, found.nobody, found.strangers];
  const isAlone = more.every(({ length }) => length === 0);
  const inChat = first !== undefined && first.identity.key === session.privateChat.partner;
  sendPrivate(chat, session, found, text, inChat && isAlone, n);
}

/** Looks up who is meant by `to`; each once. */
function find(
  chat: HubState,
  session: Session,
  to: readonly string[],
  absent: ReadonlyMap<string, SessionRecord>,
): Found {
  const names = new Map<string, string>();
  for (const name of to) names.set(fold(name), name);
  const everyone = names.delete("all") && session.rooms.has(lobby);
  const found: Found = { everyone, here: [], away: [], nobody: [], strangers: [] };
  const reached = new Set<string>();
  for (const [folded, name] of names) {
    const known = session.privateChat.names?.person(folded, chat.nowMs);
    const other = chat.names.holder(folded) ?? partnerOnce(chat, session, known);
    const record = other === undefined ? absentNow(chat, folded, absent.get(folded)) : undefined;
    if (other === undefined && record === undefined) {
      found.nobody.push(name);
      continue;
    }
    const key = other === undefined ? record?.id : other.identity.key;
    if (known !== undefined && known !== key) {
      found.strangers.push(name);
      continue;
    }
    // Two names of one person: an old one that is not given up in the log yet, and the new one.
    if (key === undefined || reached.has(key)) continue;
    reached.add(key);
    if (record !== undefined) found.away.push({ name, record });
    // Who is in the room hears it there.
    else if (other !== undefined && !(everyone && other.rooms.has(lobby))) found.here.push(other);
  }
  return found;
}

/** The partner, if it is who had a name that is nobody's now. */
function partnerOnce(
  chat: HubState,
  session: Session,
  known: string | undefined,
): Session | undefined {
  const { partner } = session.privateChat;
  return partner !== undefined && known === partner ? chat.names.person(partner) : undefined;
}

/** Who is away under that name, brought up to date by what the log does not know yet. */
export function absentNow(
  chat: HubState,
  folded: string,
  record: SessionRecord | undefined,
): SessionRecord | undefined {
  for (const [id, { session, name, seenMs }] of chat.pipeline.departures()) {
    if (name === folded) {
      const { counter, mailbox } = session;
      return { id, name, n: counter.taken, mail: mailbox.last, network: "", seenMs };
    }
    if (id === record?.id) return undefined;
  }
  const person = record === undefined ? undefined : chat.names.person(record.id);
  // It has come back, under another name; while it is entering, it is called as before.
  return person === undefined || person.phase === "entering" ? record : undefined;
}

/** Whether a message has the counter that is next. A repeated one is acknowledged again, one that leaves a gap is refused. */
function isNext(chat: HubState, session: Session, n: number | undefined): boolean {
  if (n === undefined) return true;
  const { taken, settled } = session.counter;
  if (n <= taken) {
    if (n <= settled) {
      chat.tell(session, { type: "ack", n: settled, room: undefined, seq: undefined });
    }
    return false;
  }
  if (n === taken + 1) return true;
  reject(chat, session, "protocol", `Message ${n} leaves a gap: ${taken + 1} comes next`, { n });
  return false;
}

function fits(chat: HubState, session: Session, text: string, n: number | undefined): boolean {
  if (text.length > limits.maxTextChars) {
    useUp(chat, session, n);
    const message = `A message has at most ${limits.maxTextChars} characters, this one ${text.length}: send it in parts, or as a file`;
    reject(chat, session, "text-invalid", message, { n, usesUp: true });
    return false;
  }
  if (chat.pipeline.gathering.chars + text.length <= output.maxGatheredChars) return true;
  // The log has not answered for long, and much waits for it.
  const message = "The log is slow, and too much waits for it: this was not said, try again";
  const retryAfterMs = 1_000;
  if (n !== undefined) session.counter.refuse(n);
  chat.tell(session, {
    type: "error",
    code: "storage",
    message,
    retryAfterMs,
    ...(n === undefined ? {} : { n }),
  });
  return false;
}

/** The counter of a message has been taken, whatever becomes of the message. */
export function useUp(chat: HubState, session: Session, n: number | undefined): void {
  if (n === undefined) return;
  session.counter.take(n);
  chat.pipeline.gathering.count(session, n, undefined, 0);
  chat.wake();
}

/** It was for somebody who can't be reached by it any more, and is for nobody else. */
function refuse(chat: HubState, session: Session, n: number | undefined, message: string): void {
  useUp(chat, session, n);
  reject(chat, session, "unknown-user", message, { n, usesUp: true });
}

function sayAloud(
  chat: HubState,
  session: Session,
  roomName: string,
  text: string,
  n: number | undefined,
): void {
  const room = chat.rooms.get(roomName);
  if (room === undefined) throw new Error(`A member's room '${roomName}' is not open`);
  if (n !== undefined) session.counter.take(n);
  const said = harmless(text);
  const { gathering } = chat.pipeline;
  gathering.say(room, chat.pipeline.nextOrder(), chat.stampMs, session, said, n);
  chat.wake();
  const line = session.dialect.terminal?.said?.(session.name, said);
  if (line !== undefined) chat.options.print(line);
}

/** The sender is told whom it reached. */
function sendPrivate(
  chat: HubState,
  session: Session,
  { here, away }: Recipients,
  text: string,
  isChat: boolean,
  n: number | undefined,
): void {
  const to = [...here.map(({ name }) => name), ...away.map(({ name }) => name)];
  if (to.length === 0) return;
  const { name: from, alias } = session.identity;
  const message = {
    type: "private" as const,
    timeMs: chat.stampMs,
    from,
    alias,
    to,
    chat: isChat,
    text: harmless(text),
  };
  const { gathering } = chat.pipeline;
  gathering.speakers.add(session);
  const order = chat.pipeline.nextOrder();
  const item = { order, message, author: session, n, mail: 0 };
  for (const { identity } of here) {
    gathering.mail.push({
      ...item,
      recipient: identity.key,
      stored: identity.recordId !== "",
    });
  }
  for (const { record } of away) {
    gathering.mail.push({ ...item, recipient: record.id, stored: true });
  }
  gathering.chars += text.length * to.length;
  chat.wake();
  chat.tell(session, { type: "sent", to, text: message.text, chat: isChat }, "committed");
}
