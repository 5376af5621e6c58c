// The other names that members give themselves (chat-room's `:NAME:`), which stand in front of what they say in that dialect.
// Pure.

import type { Session } from "../session.ts";
import { fold } from "./grammar.ts";

export class Aliases {
  readonly #users = new Map<string, Session>();

  /** How many aliases are in use. */
  get size(): number {
    return this.#users.size;
  }

  /** Who calls itself so. */
  user(folded: string): Session | undefined {
    return this.#users.get(folded);
  }

  /** The member calls itself `alias`, which nobody else does. */
  use(session: Session, alias: string): void {
    this.#users.set(fold(alias), session);
  }

  /** The member is gone. */
  drop({ identity: { alias } }: Session): void {
    if (alias !== undefined) this.#users.delete(fold(alias));
  }
}
