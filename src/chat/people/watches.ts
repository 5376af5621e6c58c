// Who requested notifications when names come online and go offline. Bounded per session; knows no
// wire format.

import { people as limits } from "../../limits.ts";
import { fold } from "../names/grammar.ts";
import type { Session } from "../session.ts";

export class Watches {
  readonly #byName = new Map<string, Set<Session>>();
  /** Watched folded names that somebody has on another server. */
  readonly elsewhere = new Set<string>();
  /** Counts the news about watched names from other servers. */
  news = 0;
  /** Names that are being looked up at other servers, and whether there has been news since. */
  readonly #lookups = new Map<string, boolean>();
  /** Names as requested, by folded name. */
  readonly #bySession = new Map<Session, Map<string, string>>();

  /** Number of entries of both kinds, for leak tests. */
  get size(): number {
    return this.#byName.size + this.#bySession.size + this.elsewhere.size + this.#lookups.size;
  }

  isLookedUp(folded: string): boolean {
    return this.#lookups.has(folded);
  }

  /** False: the name is being looked up already, and will be once more. */
  beginLookup(folded: string): boolean {
    const isFirst = !this.#lookups.has(folded);
    this.#lookups.set(folded, !isFirst);
    return isFirst;
  }

  /** Whether there has been news meanwhile, so that the answer may be outdated. */
  endLookup(folded: string): boolean {
    const hasNews = this.#lookups.get(folded) === true;
    this.#lookups.delete(folded);
    return hasNews;
  }

  /** False: the session watches too many names. */
  add(session: Session, name: string): boolean {
    const folded = fold(name);
    const own = this.#bySession.get(session) ?? new Map<string, string>();
    if (own.has(folded)) return true;
    if (own.size >= limits.maxWatched) return false;
    this.#bySession.set(session, own.set(folded, name));
    const watchers = this.#byName.get(folded) ?? new Set();
    this.#byName.set(folded, watchers.add(session));
    return true;
  }

  remove(session: Session, name: string): void {
    const folded = fold(name);
    const own = this.#bySession.get(session);
    if (own?.delete(folded) !== true) return;
    if (own.size === 0) this.#bySession.delete(session);
    this.#unwatch(session, folded);
  }

  clear(session: Session): void {
    for (const folded of this.#bySession.get(session)?.keys() ?? []) {
      this.#unwatch(session, folded);
    }
    this.#bySession.delete(session);
  }

  of(session: Session): readonly string[] {
    return [...(this.#bySession.get(session)?.values() ?? [])];
  }

  /** The name as the session wrote it. */
  nameFor(session: Session, folded: string): string {
    return this.#bySession.get(session)?.get(folded) ?? folded;
  }

  /** Folded names that somebody watches. */
  names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  has(folded: string): boolean {
    return this.#byName.has(folded);
  }

  watchersOf(folded: string): Iterable<Session> {
    return this.#byName.get(folded) ?? [];
  }

  #unwatch(session: Session, folded: string): void {
    const watchers = this.#byName.get(folded);
    watchers?.delete(session);
    if (watchers?.size !== 0) return;
    this.#byName.delete(folded);
    this.elsewhere.delete(folded);
  }
}
