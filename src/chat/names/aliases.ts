// The other names that members give themselves (chat-room's `:NAME:`), which stand in front of what they say in that dialect.
// Nobody's alias is somebody else's name: who takes a name takes it from those who only call themselves so. Pure.

import { aliasProblem, fold } from "./grammar.ts";
import type { Session } from "../session.ts";

export class Aliases {
  /** Everyone who uses an alias, by its folded form; several may use the same, as in their own system. */
  readonly #users = new Map<string, Set<Session>>();

  /** How many aliases are in use. */
  get size(): number {
    return this.#users.size;
  }

  /** The member calls itself `alias`, which is nobody else's name; undefined if that is impossible. */
  use(session: Session, alias: string): string | undefined {
    if (aliasProblem(alias) !== undefined) return undefined;
    const key = fold(alias);
    const users = this.#users.get(key);
    if (users === undefined) this.#users.set(key, new Set([session]));
    else users.add(session);
    return alias;
  }

  /** The member is gone. */
  drop(session: Session): void {
    if (session.alias === undefined) return;
    const key = fold(session.alias);
    const users = this.#users.get(key);
    users?.delete(session);
    if (users?.size === 0) this.#users.delete(key);
  }

  /** `owner` is now called so: everyone else who used it as an alias is called by name. */
  yield(folded: string, owner: Session): void {
    for (const session of this.#users.get(folded) ?? []) {
      if (session === owner) continue;
      this.drop(session);
      session.alias = undefined;
    }
  }
}
