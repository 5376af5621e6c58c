// Mailboxes in a data file. A full mailbox loses messages of the network that fills most of it.

import type { OwnMailbox } from "../../chat/accounts/account-store.ts";
import type { MessageKind, PrivateMessage } from "../../chat/events.ts";
import type { Mail, MailCount, MailEntry, Mailboxes } from "../../chat/turn/store.ts";
import { beforeCopies, isTrimDue, surplusCopies, surplusMail } from "../mailbox-shares.ts";
import { readStored } from "./errors.ts";
import type { MailRow, Read, Statements } from "./statements.ts";

export class SqliteMailboxes implements Mailboxes {
  readonly #sql: Statements;
  readonly #read: Read;
  readonly #maxMessages: number;

  /**
   * Each mailbox keeps `maxMessages` and as many copies, and up to an eighth more until it is
   * trimmed.
   */
  constructor(sql: Statements, read: Read, maxMessages: number) {
    this.#sql = sql;
    this.#read = read;
    this.#maxMessages = maxMessages;
  }

  after(session: string, mail: number, limit: number): PrivateMessage[] {
    return this.#read(() => this.#sql.mailAfter.all(session, mail, limit).map(messageOf));
  }

  countAfter(session: string, mail: number): MailCount {
    return this.#read(() => this.#sql.countMail.get(mail, session)!);
  }

  list(session: string): MailEntry[] {
    return this.#read(() => this.#sql.listMail.all(session));
  }

  pick(session: string, numbers: readonly number[]): PrivateMessage[] {
    return this.#read(() =>
      numbers.flatMap((mail) => this.#sql.mailNumbered.all(session, mail).map(messageOf)),
    );
  }

  /** Appends a received message. Runs within a transaction, like the following. */
  append(item: Mail, mail: number, clockMs: number): void {
    const { session } = item;
    this.#insert(item, mail, clockMs);
    if (mail <= this.#maxMessages || !isTrimDue(mail, this.#maxMessages)) return;
    const surplus = surplusMail(this.#sql.mailbox.all(session), this.#maxMessages);
    for (const number of surplus) this.#sql.deleteMail.run(session, number);
  }

  /** Appends a copy of a sent message, and returns its number. */
  appendCopy(item: Mail, clockMs: number): number {
    const { session } = item;
    const mail = this.#sql.lastCopy.get(beforeCopies, session)!.mail + 1;
    this.#insert(item, mail, clockMs);
    const last = surplusCopies(mail, this.#maxMessages);
    if (last !== undefined) this.#sql.deleteCopies.run(session, last);
    return mail;
  }

  /** The messages after `received` are in the mailbox `to` from now on. */
  takeOver(to: string, { session, received }: OwnMailbox): void {
    this.#sql.moveMail.run(to, session, received);
  }

  #insert({ session, network, message, other }: Mail, mail: number, clockMs: number): void {
    const { timeMs, from, alias, to, chat, sealed, id = 0 } = message;
    const { kind } = message;
    const bits =
      (chat ? inChat : 0) |
      (sealed === undefined ? 0 : isSealed) |
      (message.isOwn === true ? isOwn : 0) |
      (kind === undefined ? 0 : kindBits[kind]);
    const text =
      sealed === undefined ? message.text : JSON.stringify({ text: message.text, sealed });
    const { person = "", name = from } = other ?? {};
    const rest = [from, alias ?? null, JSON.stringify(to), bits, text, id, person, name] as const;
    this.#sql.insertMail.run(session, mail, timeMs, clockMs, network, ...rest);
  }
}

/** Bits of the column `chat`: sent in a private chat; `text` is JSON with the sealed message. */
const inChat = 1;
const isSealed = 2;
/** Bits of the column `chat` for the kind of message. */
const kindBits: Readonly<Record<MessageKind, number>> = { emote: 4, notice: 8 };

/** Bit of the column `chat`: sent by the mailbox's owner. */
const isOwn = 16;

function kindOf(bits: number): MessageKind | undefined {
  if ((bits & kindBits.emote) !== 0) return "emote";
  return (bits & kindBits.notice) === 0 ? undefined : "notice";
}

const letter = "A private message";

function messageOf(row: MailRow): PrivateMessage {
  const content: Pick<PrivateMessage, "text" | "sealed"> =
    (row.chat & isSealed) === 0 ? { text: row.text } : readStored(row.text, letter);
  return {
    type: "private",
    mail: row.mail,
    timeMs: row.time_ms,
    from: row.sender,
    alias: row.alias ?? undefined,
    to: readStored(row.recipients, letter),
    chat: (row.chat & inChat) !== 0,
    ...content,
    kind: kindOf(row.chat),
    isOwn: (row.chat & isOwn) === 0 ? undefined : true,
    id: row.id === 0 ? undefined : row.id,
  };
}
