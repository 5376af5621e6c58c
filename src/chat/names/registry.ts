// Who is called what, of everybody connected here: names are one space for people of all dialects. A name is reserved while its
// login waits for the store, held by a member, and given back. Who is away is the store's business (names/absent.ts). Pure.

import type { Session } from "../session.ts";
import { Aliases } from "./aliases.ts";
import { fold } from "./grammar.ts";

export class NameRegistry {
  /** Members by folded name. */
  readonly #members = new Map<string, Session>();
  /** Members by what stays the same of them. */
  readonly #people = new Map<string, Session>();
  /** Sessions that are about to be members, by the ID of their record. */
  readonly #expected = new Map<string, Session>();
  /** Folded names that a login or a rename is about to take. */
  readonly #reserved = new Set<string>();
  readonly #aliases = new Aliases();

  get size(): number {
    return this.#members.size;
  }

  /** Everything that is kept, for tests of leaks. */
  get keptEntries(): number {
    const { size } = this.#members;
    const entering = this.#expected.size + this.#reserved.size;
    return size + this.#people.size + entering + this.#aliases.size;
  }

  members(): Iterable<Session> {
    return this.#members.values();
  }

  /** The member of that folded name. */
  holder(folded: string): Session | undefined {
    return this.#members.get(folded);
  }

  /** The member with that identity, whatever it is called now; else who is about to be that. */
  person(key: string): Session | undefined {
    return this.#people.get(key) ?? this.#expected.get(key);
  }

  /** Who is about to enter with that record. */
  expected(recordId: string): Session | undefined {
    return this.#expected.get(recordId);
  }

  /** Whether somebody holds the folded name, or is about to. */
  isTaken(folded: string): boolean {
    return this.#members.has(folded) || this.#reserved.has(folded);
  }

  /** Whether somebody other than `key` is called so, is about to be, or calls itself so. */
  isAnothers(name: string, key: string): boolean {
    const folded = fold(name);
    const holder = this.#members.get(folded);
    if (holder !== undefined && holder.identity.key !== key) return true;
    return this.#reserved.has(folded) || this.isAlias(folded, key);
  }

  /** Whether somebody other than `key` calls itself so. */
  isAlias(folded: string, key: string): boolean {
    const user = this.#aliases.user(folded);
    return user !== undefined && user.identity.key !== key;
  }

  /** Keeps a free name for a login or a rename until `unreserve`. */
  reserve(folded: string): void {
    this.#reserved.add(folded);
  }

  unreserve(folded: string): void {
    this.#reserved.delete(folded);
  }

  /** The session of that record is about to enter: private messages for it find it, and wait in its mailbox. */
  expect(session: Session, recordId: string): void {
    session.identity.recordId = recordId;
    session.identity.key = recordId;
    this.#expected.set(recordId, session);
  }

  /** It does not enter after all. */
  forget(session: Session): void {
    const { identity } = session;
    this.#expected.delete(identity.recordId);
    identity.recordId = "";
    identity.key = `#${session.id}`;
  }

  /** The session is a member from now on, with a name that is free. */
  enter(session: Session, name: string, alias: string | undefined): void {
    const { identity } = session;
    identity.name = name;
    identity.folded = fold(name);
    if (this.#members.has(identity.folded)) throw new Error(`'${name}' is held by two members`);
    this.#members.set(identity.folded, session);
    this.#people.set(identity.key, session);
    this.#expected.delete(identity.recordId);
    identity.alias = alias;
    if (alias !== undefined) this.#aliases.use(session, alias);
  }

  /** The member gets another name, which is free or differs in letter case only. */
  rename(session: Session, name: string): void {
    const { identity } = session;
    this.#members.delete(identity.folded);
    identity.name = name;
    identity.folded = fold(name);
    this.#members.set(identity.folded, session);
  }

  /** The member, or who was about to be one, is gone; its name is free here. */
  leave(session: Session): void {
    const { folded, key } = session.identity;
    if (this.#members.get(folded) === session) this.#members.delete(folded);
    if (this.#people.get(key) === session) this.#people.delete(key);
    this.#aliases.drop(session);
  }

  clear(): void {
    for (const session of this.#members.values()) this.#aliases.drop(session);
    this.#members.clear();
    this.#people.clear();
  }
}
