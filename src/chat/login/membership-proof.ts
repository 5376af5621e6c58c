// Whether a login comes from a member, that is the owner of a registered name: proved by the key of
// a device, a session token, or the password of the name. So is the owner of the server, whose key
// may have no name. To everybody else, all names look the same.

import { passwords } from "../../limits.ts";
import type { Account, AccountLookup } from "../accounts/account-store.ts";
import { busy, tooManyGuesses } from "./authentication.ts";
import type { LoginCommand } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import type { Refusal } from "../refusal.ts";
import { proveInRooms } from "../rooms/member-news.ts";
import type { Session } from "../session.ts";
import { StoreQueries } from "../turn/store-queries.ts";

/** Why it does not; undefined if it does. */
export type NoMember = { why: "stranger" } | { why: "failed"; refusal: Refusal };

/** Whether there is any proof to check. */
export function hasProof({ identity, token, password }: LoginCommand): boolean {
  return identity !== undefined || token !== undefined || password !== undefined;
}

/** The session's key has already been proved. Calls `then` unless the session ends meanwhile. */
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
  const changed = new Set<string>();
  hub.accountReads.set(session, changed);
  const conclude = (problem: NoMember | undefined, member?: Account): void => {
    hub.accountReads.delete(session);
    if (session.hasEnded) return;
    if (problem !== undefined || member === undefined) return then(problem);
    // What has proved it may do so no longer.
    if (changed.has(member.id)) return proveMembership(hub, session, command, then);
    proveInRooms(hub, session, { account: member.id });
    then(undefined);
  };
  const queries = new StoreQueries(hub, session);
  const ask = (lookup: AccountLookup, keep: (account: Account | undefined) => void): void =>
    queries.ask({ type: "find-account", lookup }, keep);
  if (key !== undefined) ask({ key }, (account) => (found.ofKey = account));
  if (token !== undefined) {
    ask({ token: hub.options.hashSecret(token) }, (account) => (found.ofToken = account));
  }
  if (password !== undefined) ask({ name: fold(name) }, (account) => (found.owner = account));
  queries.whenAnswered((error) => {
    if (error !== undefined) {
      const { code, message } = error;
      return conclude({ why: "failed", refusal: { code, message } });
    }
    const { ofKey, ofToken, owner } = found;
    const member = ofKey ?? ofToken;
    if (session.hasEnded || member !== undefined) return conclude(undefined, member);
    if (key !== undefined && hub.rights.roles.isOperator([key])) return conclude(undefined);
    if (password === undefined) return conclude({ why: "stranger" });
    checkPassword(hub, session, command, password, owner, (problem) => conclude(problem, owner));
  }, "even-if-ended");
}

/** For an unregistered name this costs as much, takes as long, and ends the same way. */
function checkPassword(
  hub: HubState,
  session: Session,
  { name }: LoginCommand,
  password: string,
  owner: Account | undefined,
  then: (problem: NoMember | undefined) => void,
): void {
  const { credentials, hashSecret } = hub.options;
  const { address } = session.peer;
  const known = owner?.password;
  const waitMs =
    owner === undefined || known === undefined
      ? hub.guessRates.takeUnowned(address, hashSecret(fold(name)), hub.nowMs)
      : hub.guessRates.take(address, owner.id, hub.nowMs);
  if (waitMs > 0) return then({ why: "failed", refusal: tooManyGuesses(name, waitMs) });
  if (password.length > passwords.maxChars) return then({ why: "stranger" });
  session.queue.block();
  const finish = (isRight: boolean | undefined): void => {
    hub.unblock(session);
    if (isRight === undefined) return then({ why: "failed", refusal: busy });
    if (isRight) hub.guessRates.wasRight(address, owner?.id, hub.nowMs);
    then(isRight ? undefined : { why: "stranger" });
  };
  if (known !== undefined) return credentials.checkPassword(password, known, address, finish);
  credentials.hashPassword(password, address, (hash) =>
    finish(hash === undefined ? undefined : false),
  );
}
