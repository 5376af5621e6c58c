// Names of connected people, one namespace for all dialects. A name is reserved while its login
// waits for the store, then held, then released. Absent sessions are found in the store
// (names/absent.ts). Pure.

import type { Session } from "../session.ts";
import { Aliases } from "./aliases.ts";
import { fold } from "./grammar.ts";

export class NameRegistry {
  /** Members by folded name. */
  readonly #members = new Map<string, Session>();
  /** Members by identity key. */
  readonly #byKey = new Map<string, Session>();
  /** Sessions that are logging in, by record ID. */
  readonly #entering = new Map<string, Session>();
  /** Folded names that a pending login or rename will take. */
  readonly #reserved = new Set<string>();
  readonly #aliases = new Aliases();

  get size(): number {
    return this.#members.size;
  }

  /** Number of entries of any kind, for leak tests. */
  get keptEntries(): number {
    const { size } = this.#members;
    const entering = this.#entering.size + this.#reserved.size;
    return size + this.#byKey.size + entering + this.#aliases.size;
  }

  members(): Iterable<Session> {
    return this.#members.values();
  }

  /** The member with this folded name. */
  holder(folded: string): Session | undefined {
    return this.#members.get(folded);
  }

  /**
   * The member with this identity key, whatever its name; otherwise the session logging in with it.
   */
  byKey(key: string): Session | undefined {
    return this.#byKey.get(key) ?? this.#entering.get(key);
  }

  /** The session logging in with this record. */
  entering(recordId: string): Session | undefined {
    return this.#entering.get(recordId);
  }

  /** Whether the folded name is held or reserved. */
  isTaken(folded: string): boolean {
    return this.#members.has(folded) || this.#reserved.has(folded);
  }

  /** Whether the name is held or reserved by, or an alias of, somebody other than `key`. */
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
    this.#reserved.add(folded);
  }

  unreserve(folded: string): void {
    this.#reserved.delete(folded);
  }

  /** Starts a login with this record: private messages find it and go to its mailbox. */
  beginEntry(session: Session, recordId: string): void {
    session.identity.recordId = recordId;
    session.identity.key = recordId;
    this.#entering.set(recordId, session);
  }

  /** The login failed. */
  abortEntry(session: Session): void {
    const { identity } = session;
    this.#entering.delete(identity.recordId);
    identity.recordId = "";
    identity.key = `#${session.id}`;
  }

  /** Makes the session a member; the name must be free. */
  enter(session: Session, name: string, alias: string | undefined): void {
    const { identity } = session;
    identity.name = name;
    identity.folded = fold(name);
    if (this.#members.has(identity.folded))
      throw new Error(`'${name}' already belongs to a member`);
    this.#members.set(identity.folded, session);
    this.#byKey.set(identity.key, session);
    this.#entering.delete(identity.recordId);
    identity.alias = alias;
    if (alias !== undefined) this.#aliases.use(session, alias);
  }

  /** Renames the member; the new name must be free or differ in case only. */
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
    if (this.#members.get(folded) === session) this.#members.delete(folded);
    if (this.#byKey.get(key) === session) this.#byKey.delete(key);
    this.#aliases.drop(session);
  }

  clear(): void {
    for (const session of this.#members.values()) this.#aliases.drop(session);
    this.#members.clear();
    this.#byKey.clear();
  }
}
