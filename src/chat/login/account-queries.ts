// Asks the store for the accounts that a login concerns. If one of them changes before the login is
// decided, it must not succeed as if the account had not.

import type { Account, AccountLookup } from "../accounts/account-store.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import type { StoreQueries } from "../turn/store-queries.ts";

export class AccountQueries {
  readonly #hub: HubState;
  readonly #session: Session;
  readonly #queries: StoreQueries;
  readonly #changed = new Set<string>();

  constructor(hub: HubState, session: Session, queries: StoreQueries) {
    this.#hub = hub;
    this.#session = session;
    this.#queries = queries;
    session.entersAs = [];
    hub.accountReads.set(session, this.#changed);
  }

  find(lookup: AccountLookup, keep: (account: Account | undefined) => void): void {
    const session = this.#session;
    this.#queries.ask({ type: "find-account", lookup }, (account) => {
      keep(account);
      if (account !== undefined) session.entersAs = [...session.entersAs, account.id];
    });
  }

  /** Call once all are answered. True: they must be asked for again. */
  haveChanged(): boolean {
    this.#hub.accountReads.delete(this.#session);
    const { entersAs, awaitedNames } = this.#session;
    return [...entersAs, ...awaitedNames].some((one) => this.#changed.has(one));
  }
}
