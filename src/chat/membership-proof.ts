// Whether a login comes from a member, that is somebody who owns a registered name: by the key of a
// device, a session token, or the password of the name. To everybody else all names are the same.

import type { Account, AccountLookup } from "./account-store.ts";
import { authenticate, type Denial } from "./authentication.ts";
import type { LoginCommand } from "./events.ts";
import type { HubState } from "./hub-state.ts";
import { fold } from "./names/grammar.ts";
import type { Session } from "./session.ts";
import { StoreQueries } from "./store-queries.ts";

/** Why not; undefined: it is one. */
export type NoMember = { why: "stranger" } | { why: "failed"; denial: NonNullable<Denial> };

/** Whether there is anything to look at. */
export function hasProof({ identity, token, password }: LoginCommand): boolean {
  return identity !== undefined || token !== undefined || password !== undefined;
}

/** The session's key is proved already. Calls `then` once, at once or later. */
export function proveMembership(
  hub: HubState,
  session: Session,
  command: LoginCommand,
  then: (problem: NoMember | undefined) => void,
): void {
  const { name, token, password } = command;
  const { key } = session.proven;
  const found: {
    ofKey?: Account | undefined;
    ofToken?: Account | undefined;
    owner?: Account | undefined;
  } = {};
  const queries = new StoreQueries(hub, session);
  const ask = (lookup: AccountLookup, keep: (account: Account | undefined) => void): void =>
    queries.ask<Account | undefined>((then) => hub.store.findAccount(lookup, then), keep);
  if (key !== undefined) ask({ key }, (account) => (found.ofKey = account));
  if (token !== undefined) {
    ask({ token: hub.options.hashSecret(token) }, (account) => (found.ofToken = account));
  }
  if (password !== undefined) ask({ name: fold(name) }, (account) => (found.owner = account));
  queries.whenAnswered((error) => {
    if (error !== undefined) {
      const { code, message } = error;
      return then({ why: "failed", denial: { code, message } });
    }
    const { ofKey, ofToken, owner } = found;
    if (ofKey !== undefined || ofToken !== undefined) return then(undefined);
    if (password === undefined) return then({ why: "stranger" });
    checkPassword(hub, session, command, password, owner, then);
  });
}

function checkPassword(
  hub: HubState,
  session: Session,
  command: LoginCommand,
  password: string,
  owner: Account | undefined,
  then: (problem: NoMember | undefined) => void,
): void {
  session.queue.block();
  const finish = (problem: NoMember | undefined): void => {
    session.queue.unblock();
    hub.schedule.unblocked.add(session);
    hub.wake();
    then(problem);
  };
  if (owner?.password === undefined) {
    // It takes as long as it would with a name that is registered.
    hub.options.credentials.hashPassword(password, () => finish({ why: "stranger" }));
    return;
  }
  const known = { owner, ofKey: undefined, ofToken: undefined };
  authenticate(hub, session, command, known, (denial) => {
    if (denial === undefined) return finish(undefined);
    finish(denial.code === "rate" ? { why: "failed", denial } : { why: "stranger" });
  });
}
