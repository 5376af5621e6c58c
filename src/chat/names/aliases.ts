// Additional names that members choose (chat-room's `:NAME:`), shown before their messages in that
// dialect. Pure.

import type { Session } from "../session.ts";
import { fold } from "./grammar.ts";

export class Aliases {
  readonly #users = new Map<string, Session>();

  /** Number of aliases in use. */
  get size(): number {
    return this.#users.size;
  }

  /** The member with this alias. */
  user(folded: string): Session | undefined {
    return this.#users.get(folded);
  }

  /** Assigns a free alias to the member. */
  use(session: Session, alias: string): void {
    this.#users.set(fold(alias), session);
  }

  /** Releases the member's alias. */
  drop(session: Session): void {
    const { alias } = session.identity;
    if (alias !== undefined && this.#users.get(fold(alias)) === session) {
      this.#users.delete(fold(alias));
    }
  }
}
