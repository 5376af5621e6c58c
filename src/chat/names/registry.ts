// Names of connected people, in one namespace for all dialects. A name is reserved while its login
// waits for the store, then held, then released. The devices of one account share its name and
// mailbox. Absent sessions are found in the store (names/absent.ts). Pure.

import { accountMailbox } from "../accounts/account-store.ts";
import type { Identity, Session } from "../session.ts";
import type { Departure } from "../turn/turn-batch.ts";
import { Aliases } from "./aliases.ts";
import { fold } from "./grammar.ts";

/** A departure that is stored, and the session's record ID. */
export type StoredDeparture = { id: string; departure: Departure };

export class NameRegistry {
  /** Members by folded name; for several devices, the one that logged in last. */
  readonly #members = new Map<string, Session>();
  /** The other devices, by folded name. */
  readonly #others = new Map<string, Session[]>();
  /** Sessions of accounts, members or logging in, by mailbox. */
  readonly #devices = new Map<string, Session[]>();
  /** Members by identity key. */
  readonly #byKey = new Map<string, Session>();
  /** Sessions that are logging in, by record ID. */
  readonly #entering = new Map<string, Session>();
  /** How many pending logins, renames and registrations will take each folded name. */
  readonly #reserved = new Map<string, number>();
  /** Keys of sessions whose names are being registered. */
  readonly #registering = new Set<string>();
  /** Stored departures of sessions whose name is reserved: the last one, by folded name. */
  readonly #departed = new Map<string, StoredDeparture>();
  readonly #aliases = new Aliases();

  /** Number of names in use. */
  get size(): number {
    return this.#members.size;
  }

  /** Number of entries of any kind, for leak tests. */
  get keptEntries(): number {
    const { size } = this.#members;
    const waiting = this.#reserved.size + this.#departed.size + this.#registering.size;
    const entering = this.#entering.size + waiting;
    const devices = this.#others.size + this.#devices.size;
    return size + this.#byKey.size + entering + devices + this.#aliases.size;
  }

  /** All members, counting each device of an account. */
  *members(): Iterable<Session> {
    yield* this.#members.values();
    for (const others of this.#others.values()) yield* others;
  }

  /** The names in use, as shown. */
  *names(): Iterable<string> {
    for (const { name } of this.#members.values()) yield name;
  }

  /** The member with this folded name; for several devices, the one that logged in last. */
  holder(folded: string): Session | undefined {
    return this.#members.get(folded);
  }

  /**
   * The member with this identity key, whatever its name; otherwise the session logging in with it.
   */
  byKey(key: string): Session | undefined {
    return this.#byKey.get(key) ?? this.#entering.get(key);
  }

  /** The readers of this mailbox, logging in or not: the devices of an account, or one session. */
  readers(mailbox: string): readonly Session[] {
    const devices = this.#devices.get(mailbox);
    if (devices !== undefined) return devices;
    const session = this.byKey(mailbox);
    return session === undefined || session.identity.account !== "" ? [] : [session];
  }

  /** The member, and the other devices of the account whose name it has. */
  devices(member: Session): readonly Session[] {
    return [member, ...this.otherDevices(member)];
  }

  /** The other devices of the account whose name the member has. */
  otherDevices(session: Session): readonly Session[] {
    const { account, mailbox } = session.identity;
    if (account === "") return [];
    return this.readers(mailbox).filter((one) => one !== session && one.phase === "member");
  }

  /** The session logging in with this record. */
  entering(recordId: string): Session | undefined {
    return this.#entering.get(recordId);
  }

  /** Whether the folded name is held or reserved. */
  isTaken(folded: string): boolean {
    return this.#members.has(folded) || this.#reserved.has(folded);
  }

  /** Whether the name is held, reserved, or used as an alias by somebody other than `key`. */
  isTakenByOther(name: string, key: string): boolean {
    const folded = fold(name);
    const holder = this.#members.get(folded);
    if (holder !== undefined && holder.identity.key !== key) return true;
    return this.#reserved.has(folded) || this.isAliasOfOther(folded, key);
  }

  /** Whether the name is an alias of somebody other than `key`. */
  isAliasOfOther(folded: string, key: string): boolean {
    const user = this.#aliases.user(folded);
    return user !== undefined && user.identity.key !== key;
  }

  /** Reserves a free name for a login or rename until `unreserve`. */
  reserve(folded: string): void {
    this.#reserved.set(folded, (this.#reserved.get(folded) ?? 0) + 1);
  }

  /**
   * Its name is being registered. Until that is decided, nobody else may take the name if the
   * session ends, the session may not take another name, and no other connection may resume the
   * session: what its login learns from the store may be outdated by the time it enters.
   */
  beginRegistration({ key, folded }: Identity): void {
    this.reserve(folded);
    this.#registering.add(key);
  }

  endRegistration({ key, folded }: Pick<Identity, "key" | "folded">): void {
    this.unreserve(folded);
    this.#registering.delete(key);
  }

  isRegistering(key: string): boolean {
    return this.#registering.has(key);
  }

  /**
   * A departure has been stored. A login or rename that waits for this name may have asked the
   * store before that, so the departure is remembered for it.
   */
  noteDeparture(departed: StoredDeparture): void {
    const { name } = departed.departure;
    if (this.#reserved.has(name)) this.#departed.set(name, departed);
  }

  /** Forgets departures that no login or rename waits for any more; those have been decided. */
  forgetDepartures(): void {
    for (const name of this.#departed.keys()) {
      if (!this.#reserved.has(name)) this.#departed.delete(name);
    }
  }

  /** Who has left with the name since it was reserved. */
  departedSince(folded: string): StoredDeparture | undefined {
    return this.#departed.get(folded);
  }

  unreserve(folded: string): void {
    const others = (this.#reserved.get(folded) ?? 0) - 1;
    if (others > 0) this.#reserved.set(folded, others);
    else this.#reserved.delete(folded);
  }

  /** Starts a login with this record: private messages find it and go to its mailbox. */
  beginEntry(session: Session, recordId: string): void {
    session.identity.recordId = recordId;
    session.identity.key = recordId;
    session.identity.mailbox = recordId;
    this.#entering.set(recordId, session);
  }

  /** From now on the session, logging in or a member, acts for the owner of its name. */
  beginAccount(session: Session, account: string): void {
    const { identity } = session;
    identity.account = account;
    identity.mailbox = accountMailbox(account);
    const devices = this.#devices.get(identity.mailbox);
    if (devices === undefined) this.#devices.set(identity.mailbox, [session]);
    else devices.push(session);
  }

  /** The login failed. */
  abortEntry(session: Session): void {
    const { identity } = session;
    if (this.#entering.get(identity.recordId) === session) {
      this.#entering.delete(identity.recordId);
    }
    this.#endAccount(session);
    identity.recordId = "";
    identity.key = `#${session.id}`;
    identity.mailbox = "";
    identity.account = "";
  }

  /** The session acts under a name, which may be an account's, without being present. */
  speakFor({ identity }: Session, { account, name }: { account?: string; name: string }): void {
    if (account !== undefined) {
      identity.account = account;
      identity.mailbox = accountMailbox(account);
    }
    identity.name = name;
    identity.folded = fold(name);
  }

  /** Makes the session a member; the name must be free or belong to its own account. */
  enter(session: Session, name: string, alias: string | undefined): void {
    const { identity } = session;
    identity.name = name;
    identity.folded = fold(name);
    const before = this.#members.get(identity.folded);
    if (before !== undefined) this.#addDevice(before, identity);
    this.#members.set(identity.folded, session);
    this.#byKey.set(identity.key, session);
    this.#entering.delete(identity.recordId);
    identity.alias = alias;
    if (alias !== undefined) this.#aliases.use(session, alias);
  }

  /** Renames the member; the new name must be free or differ only in case. */
  rename(session: Session, name: string): void {
    const { identity } = session;
    this.#members.delete(identity.folded);
    identity.name = name;
    identity.folded = fold(name);
    this.#members.set(identity.folded, session);
  }

  /** Releases everything held by a member. */
  leave(session: Session): void {
    const { folded, key } = session.identity;
    const others = this.#others.get(folded)?.filter((one) => one !== session) ?? [];
    if (this.#members.get(folded) === session) {
      const next = others.pop();
      if (next === undefined) this.#members.delete(folded);
      else this.#members.set(folded, next);
    }
    if (others.length === 0) this.#others.delete(folded);
    else this.#others.set(folded, others);
    this.#endAccount(session);
    if (this.#byKey.get(key) === session) this.#byKey.delete(key);
    this.#aliases.drop(session);
  }

  clear(): void {
    for (const session of this.members()) this.#aliases.drop(session);
    this.#members.clear();
    this.#others.clear();
    this.#devices.clear();
    this.#byKey.clear();
  }

  #addDevice(before: Session, { account, folded, name }: Identity): void {
    if (account === "" || before.identity.account !== account) {
      throw new Error(`'${name}' already belongs to a member`);
    }
    const others = this.#others.get(folded);
    if (others === undefined) this.#others.set(folded, [before]);
    else others.push(before);
  }

  #endAccount(session: Session): void {
    const { mailbox } = session.identity;
    const others = this.#devices.get(mailbox)?.filter((one) => one !== session);
    if (others === undefined) return;
    if (others.length === 0) this.#devices.delete(mailbox);
    else this.#devices.set(mailbox, others);
  }
}
