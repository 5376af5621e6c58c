// The contents of the simulated database.

import { accountMailbox } from "../../../src/chat/accounts/account-store.ts";
import { beforeCopies } from "../../../src/store/mailbox-shares.ts";
import { AccountTables } from "./account-tables.ts";
import {
  type BatchRow,
  type ClaimedRow,
  type ErasureRow,
  type MailRow,
  type MemberRow,
  type NameRow,
  type PersonRow,
  type RoomRow,
  type ServerRow,
  type SessionRow,
  type SignalRow,
  Table,
  type Undo,
} from "./rows.ts";

/** Data that is deleted because it is too old, or (`isSurplus`) there is too much. */
export type Swept = {
  readonly what: string;
  /** When it was stored. */
  readonly trueMs: number;
  readonly isSurplus: boolean;
};

/** With an index of names. */
class Sessions extends Table<string, SessionRow> {
  /** The sessions that have, or had, a name. */
  readonly #byName = new Map<string, Set<string>>();

  override put(id: string, row: SessionRow, undo: Undo): void {
    super.put(id, row, undo);
    const ids = this.#byName.get(row.name);
    if (ids === undefined) this.#byName.set(row.name, new Set([id]));
    else ids.add(id);
  }

  named(name: string): readonly SessionRow[] {
    const rows = Array.from(this.#byName.get(name) ?? [], (id) => this.get(id));
    return rows.filter((row) => row?.name === name).filter((row) => row !== undefined);
  }
}

export class Tables {
  readonly servers = new Table<string, ServerRow>();
  readonly rooms = new Table<string, RoomRow>();
  readonly sessions = new Sessions();
  /** By folded name and server. */
  readonly names = new Table<string, NameRow>();
  /** By server and request. */
  readonly claimed = new Table<string, ClaimedRow>();
  /** By folded name and server, the newest last. */
  readonly people = new Table<string, PersonRow>();
  readonly accounts = new AccountTables();
  readonly rights = new Table<string, string>();
  readonly meta = new Table<string, string>();
  readonly signals = new Table<number, SignalRow>();
  /** By room, in the order of their numbers. */
  readonly batches = new Map<string, BatchRow[]>();
  /** By room, the oldest first. */
  readonly erasures = new Table<string, readonly ErasureRow[]>();
  /** By session, in the order of arrival. */
  readonly mail = new Map<string, MailRow[]>();
  /** By room, then by folded name and server. */
  readonly #members = new Map<string, Table<string, MemberRow>>();
  /** The servers at which each name may have a row. */
  readonly #serversOfNames = new Map<string, Set<string>>();
  #signalId = 0;
  #claims = 0;

  nextClaim(): number {
    return ++this.#claims;
  }

  /** Rooms that are not known begin after the numbers of those that were dropped. */
  newRoom(name: string): RoomRow {
    const floor = Number(this.meta.get("floor") ?? 0);
    return { name, first: floor + 1, last: floor, presence: 0, erased: 0, saidMs: 0 };
  }

  addBatch(room: string, row: BatchRow, undo: Undo): void {
    append(this.batches, room, row, undo);
  }

  setRuns(room: string, first: number, runs: string, undo: Undo): void {
    const rows = this.batches.get(room) ?? [];
    const index = rows.findIndex((row) => row.first === first);
    const before = rows[index];
    if (before === undefined) return;
    rows[index] = { ...before, runs };
    undo.push(() => (rows[index] = before));
  }

  /** Keeps the batches of a room that `isKept`. */
  keepBatches(room: string, isKept: (row: BatchRow) => boolean, undo: Undo): void {
    replace(this.batches, room, (this.batches.get(room) ?? []).filter(isKept), undo);
  }

  /** Keeps the messages of a mailbox that `isKept`. */
  keepMail(session: string, isKept: (row: MailRow) => boolean, undo: Undo): void {
    replace(this.mail, session, (this.mail.get(session) ?? []).filter(isKept), undo);
  }

  addMail(session: string, row: MailRow, undo: Undo): void {
    append(this.mail, session, row, undo);
  }

  /** The number of the newest copy in a mailbox. */
  lastCopy(session: string): number {
    const copies = (this.mail.get(session) ?? []).filter(({ mail }) => mail < 0);
    return copies.at(-1)?.mail ?? beforeCopies;
  }

  /** The messages after that number are in another mailbox from now on. */
  moveMail(from: string, to: string, after: number, undo: Undo): void {
    const before = this.mail.get(from) ?? [];
    const moved = before.filter(({ mail }) => mail > after);
    for (const row of moved) this.addMail(to, row, undo);
    this.mail.set(
      from,
      before.filter(({ mail }) => mail <= after),
    );
    undo.push(() => this.mail.set(from, before));
  }

  /** Where letters for that mailbox go, and are read. */
  successorOf(mailbox: string): string {
    const account = this.sessions.get(mailbox)?.account;
    const isKept = account !== undefined && this.accounts.accounts.get(account) !== undefined;
    return isKept ? accountMailbox(account) : mailbox;
  }

  dropMail(session: string, undo: Undo): void {
    const before = this.mail.get(session);
    if (before === undefined) return;
    this.mail.delete(session);
    undo.push(() => this.mail.set(session, before));
  }

  signal(server: string, signal: object, undo: Undo): void {
    const id = ++this.#signalId;
    this.signals.put(id, { id, server, signal: JSON.stringify(signal) }, undo);
  }

  holdersOf(folded: string): readonly NameRow[] {
    const servers = this.#serversOfNames.get(folded) ?? [];
    return [...servers].flatMap((server) => this.names.get(`${folded} ${server}`) ?? []);
  }

  addName(row: NameRow, undo: Undo): void {
    const servers = this.#serversOfNames.get(row.folded);
    if (servers === undefined) this.#serversOfNames.set(row.folded, new Set([row.server]));
    else servers.add(row.server);
    this.names.put(`${row.folded} ${row.server}`, row, undo);
  }

  removeName({ folded, holder, server }: Omit<NameRow, "sinceMs">, undo: Undo): void {
    const key = `${folded} ${server}`;
    if (this.names.get(key)?.holder === holder) this.names.delete(key, undo);
  }

  membersOf(room: string): readonly MemberRow[] {
    return [...(this.#members.get(room)?.values() ?? [])];
  }

  membersBy(server: string): readonly MemberRow[] {
    return this.members().filter((member) => member.server === server);
  }

  members(): readonly MemberRow[] {
    return [...this.#members.values()].flatMap((table) => [...table.values()]);
  }

  addMember(member: MemberRow, undo: Undo): void {
    const { room, folded, server } = member;
    let table = this.#members.get(room);
    if (table === undefined) this.#members.set(room, (table = new Table()));
    table.put(`${folded} ${server}`, member, undo);
  }

  removeMember(room: string, folded: string, server: string, undo: Undo): void {
    this.#members.get(room)?.delete(`${folded} ${server}`, undo);
  }

  /** Every server that something belongs to. */
  serversInUse(): string[] {
    const used = new Set(this.members().map(({ server }) => server));
    for (const { server } of this.names.values()) used.add(server);
    for (const { server } of this.sessions.values()) if (server !== undefined) used.add(server);
    for (const { server } of this.signals.values()) used.add(server);
    for (const { server } of this.people.values()) used.add(server);
    return [...used].sort();
  }

  forgetServer(server: string, undo: Undo): void {
    for (const [folded, row] of this.names.entries()) {
      if (row.server === server) this.names.delete(folded, undo);
    }
    for (const [key, row] of this.people.entries()) {
      if (row.server === server) this.people.delete(key, undo);
    }
    for (const row of this.signals.values()) {
      if (row.server === server) this.signals.delete(row.id, undo);
    }
    for (const row of this.sessions.values()) {
      if (row.server === server) this.sessions.put(row.id, { ...row, server: undefined }, undo);
    }
  }
}

function replace<R>(table: Map<string, R[]>, key: string, rows: R[], undo: Undo): void {
  const before = table.get(key);
  if (before === undefined || before.length === rows.length) return;
  table.set(key, rows);
  undo.push(() => table.set(key, before));
}

function append<R>(table: Map<string, R[]>, key: string, row: R, undo: Undo): void {
  let rows = table.get(key);
  if (rows === undefined) table.set(key, (rows = []));
  rows.push(row);
  undo.push(() => rows.pop());
}
