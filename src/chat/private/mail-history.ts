// What the owner of a registered name and another person have said in private: from the owner's
// mailbox, which also keeps copies of what they have sent. A conversation belongs to the person,
// not to the name: whoever has a name later does not appear in it. People without a mailbox are
// known by their names only.

import { history as limits, search } from "../../limits.ts";
import type { PrivateMessage } from "../events.ts";
import { findPerson, type Person } from "../people/find-person.ts";
import { fittingPage, type PageEnd } from "../history/history-page.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import type { MailPoint, PastPrivate } from "../people/people-events.ts";
import { reject, rejectUnread } from "../rejections.ts";
import type { PastQuery } from "../rooms/room-events.ts";
import type { Session } from "../session.ts";
import type { MailEntry } from "../turn/store.ts";
import { askStore, StoreQueries } from "../turn/store-queries.ts";

/** Sends the requested part of the conversation. */
export function readPastPrivate(hub: HubState, session: Session, command: PastPrivate): void {
  const { with: name, query, limit, ref } = command;
  const { mailbox, account } = session.identity;
  if (account === "") {
    const message = "Private messages are kept for registered names: register yours first";
    return reject(hub, session, "not-allowed", message, { ref, subject: name });
  }
  findPerson(hub, session, name, (person, failure) => {
    if (failure !== undefined) return rejectUnread(hub, session, command, failure);
    askStore(hub, session, { type: "list-mail", session: mailbox }, (found) => {
      if (!found.done) return rejectUnread(hub, session, command, found.error);
      const all = conversation(found.result, name, keyOf(person));
      const part = partOf(all, query, Math.min(limit, limits.pageMessages));
      answer(hub, session, command, part, found.result.length);
    });
  });
}

/** In its order; `end`: what is left out last if not everything fits. */
type Part = { readonly entries: readonly MailEntry[]; readonly end: PageEnd };

/** Reads the messages and sends as many of them as fit. */
function answer(
  hub: HubState,
  session: Session,
  command: PastPrivate,
  { entries, end }: Part,
  scanned: number,
): void {
  const { with: name, ref } = command;
  const numbers = entries.map(({ mail }) => mail);
  const found = new Map<number, PrivateMessage>();
  const queries = new StoreQueries(hub, session);
  if (numbers.length > 0) {
    queries.ask({ type: "read-mail", session: session.identity.mailbox, numbers }, (messages) => {
      for (const message of messages) found.set(message.mail, message);
    });
  }
  queries.whenAnswered((error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    const messages = fittingPage(
      numbers.flatMap((mail) => found.get(mail) ?? []),
      end,
    );
    const scannedChars = scanned * search.messageChars;
    hub.send(session, { type: "past-private", with: name, messages, scannedChars, ref });
  });
}

/** The person's mailbox; empty if they have none. Undefined: nobody has the name. */
function keyOf(person: Person | undefined): string | undefined {
  if (person === undefined) return undefined;
  return mailboxOf("here" in person ? person.here.identity.mailbox : person.mailbox);
}

/** Connections without a mailbox are addressed by `SERVER#NUMBER`. */
export function mailboxOf(recipient: string): string {
  return recipient.includes("#") ? "" : recipient;
}

/**
 * The messages exchanged with `person`, oldest first. Without `person`, those exchanged with the
 * last person to be called `name` in this mailbox.
 */
export function conversation(
  entries: readonly MailEntry[],
  name: string,
  person: string | undefined,
): MailEntry[] {
  const folded = fold(name);
  const all = inOrder(entries);
  const isNamed = (entry: MailEntry): boolean => fold(entry.name) === folded;
  const key = person ?? all.findLast(isNamed)?.person;
  return all.filter((entry) => entry.person === key && (key !== "" || isNamed(entry)));
}

/** When messages were last exchanged with each person, under the name that reaches them now. */
export function partners(hub: HubState, entries: readonly MailEntry[]): MailEntry[] {
  const byPerson = new Map<string, MailEntry>();
  for (const entry of inOrder(entries)) {
    byPerson.set(entry.person === "" ? `#${fold(entry.name)}` : entry.person, entry);
  }
  const byName = new Map<string, MailEntry>();
  for (const entry of inOrder([...byPerson.values()])) {
    const [reader] = entry.person === "" ? [] : hub.names.readers(entry.person);
    const name = reader?.name || entry.name;
    const holder = hub.names.holder(fold(name));
    // Somebody else has the name now.
    if (holder !== undefined && holder.identity.mailbox !== entry.person) continue;
    byName.set(fold(name), { ...entry, name });
  }
  return [...byName.values()];
}

/** Both sides see the same order: that of the sender's times and of the messages' IDs. */
function inOrder(entries: readonly MailEntry[]): MailEntry[] {
  return entries.toSorted((a, b) => a.timeMs - b.timeMs || a.id - b.id || a.mail - b.mail);
}

/** The requested part of a conversation that is in order. */
export function partOf(
  all: readonly MailEntry[],
  query: PastQuery<MailPoint>,
  limit: number,
): Part {
  const before = (point: MailPoint): number =>
    countWhile(all, (entry) => compare(entry, point) < 0);
  const through = (point: MailPoint): number =>
    countWhile(all, (entry) => compare(entry, point) <= 0);
  const oldest = (from: number, to: number): Part => {
    return { entries: all.slice(from, Math.min(to, from + limit)), end: "oldest" };
  };
  const newest = (from: number, to: number): Part => {
    return { entries: all.slice(Math.max(from, to - limit), Math.max(from, to)), end: "newest" };
  };
  switch (query.which) {
    case "latest":
      return newest(query.after === undefined ? 0 : through(query.after), all.length);
    case "before":
      return newest(0, before(query.point));
    case "after":
      return oldest(through(query.point), all.length);
    case "around": {
      const middle = before(query.point);
      const from = Math.max(0, middle - Math.floor(limit / 2));
      return { ...oldest(from, all.length), end: { around: middle - from } };
    }
    case "between": {
      const { from, to } = query;
      const isForwards = comparePoints(from, to) <= 0;
      return isForwards ? oldest(through(from), before(to)) : newest(through(to), before(from));
    }
  }
}

function countWhile(all: readonly MailEntry[], isIn: (entry: MailEntry) => boolean): number {
  const end = all.findIndex((entry) => !isIn(entry));
  return end < 0 ? all.length : end;
}

/** A time alone stands for all messages of that millisecond. */
function compare({ timeMs, id }: MailEntry, point: MailPoint): number {
  return timeMs - point.timeMs || (point.id === undefined ? 0 : id - point.id);
}

function comparePoints(a: MailPoint, b: MailPoint): number {
  return a.timeMs - b.timeMs || (a.id ?? 0) - (b.id ?? 0);
}
