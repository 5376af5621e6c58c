// What the store knows that decides a login: the user's record, the numbers of the rooms, who had
// the name and the alias last, and whose accounts are concerned.

import type { ParleyError } from "../../errors.ts";
import { history as limits } from "../../limits.ts";
import type { Account, AccountLookup } from "../accounts/account-store.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { holdRoom, noteBounds } from "../rooms/membership.ts";
import type { Session } from "../session.ts";
import type { RoomBounds, SessionRecord } from "../turn/store.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import type { LoginAttempt, LoginFacts } from "./login-stages.ts";

/** `changed`: an account among those has changed meanwhile, so the store must be asked again. */
type FactsAnswer =
  { is: "known"; facts: LoginFacts } | { is: "changed" } | { is: "failed"; error: ParleyError };

/** Asks the store. Holds the rooms, whatever the answer. */
export function queryFacts(
  hub: HubState,
  session: Session,
  attempt: LoginAttempt,
  then: (answer: FactsAnswer) => void,
): void {
  const { command, name, alias, recordId } = attempt;
  const facts: { -readonly [K in keyof LoginFacts]: LoginFacts[K] } = {
    bounds: new Map(),
    record: undefined,
    holder: undefined,
    aliasHolder: undefined,
    owner: undefined,
    aliasOwner: undefined,
    ofKey: undefined,
    ofToken: undefined,
  };
  const queries = new StoreQueries(hub, session);
  const sinceMs = hub.nowMs - limits.mailHoldMs;
  const findName = (called: string, keep: (record: SessionRecord | undefined) => void): void =>
    queries.ask({ type: "find-name", name: fold(called), sinceMs }, keep);
  session.entersAs = [];
  const findAccount = (lookup: AccountLookup, keep: (account: Account | undefined) => void): void =>
    queries.ask({ type: "find-account", lookup }, (account) => {
      keep(account);
      // If the account changes from now on, the login must not succeed as if it had not.
      if (account !== undefined) session.entersAs = [...session.entersAs, account.id];
    });
  queryRooms(hub, queries, attempt, facts.bounds);
  findName(name, (record) => (facts.holder = record));
  if (alias !== undefined) findName(alias, (record) => (facts.aliasHolder = record));
  if (recordId !== "") {
    queries.ask({ type: "load-session", session: recordId }, (record) => (facts.record = record));
  }
  findAccount({ name: fold(name) }, (account) => (facts.owner = account));
  if (alias !== undefined) {
    findAccount({ name: fold(alias) }, (account) => (facts.aliasOwner = account));
  }
  const { key } = session.proven;
  if (key !== undefined) findAccount({ key }, (account) => (facts.ofKey = account));
  if (command.token !== undefined) {
    const token = hub.options.hashSecret(command.token);
    findAccount({ token }, (account) => (facts.ofToken = account));
  }
  const changed = new Set<string>();
  hub.accountReads.set(session, changed);
  queries.whenAnswered((error) => {
    hub.accountReads.delete(session);
    const { entersAs, awaitedNames } = session;
    if (error !== undefined) then({ is: "failed", error });
    else if ([...entersAs, ...awaitedNames].some((one) => changed.has(one))) {
      then({ is: "changed" });
    } else then({ is: "known", facts });
  }, true);
}

function queryRooms(
  hub: HubState,
  queries: StoreQueries,
  { command, rooms }: LoginAttempt,
  found: Map<string, RoomBounds>,
): void {
  const isSameLog = command.since?.epoch === hub.options.epoch;
  for (const [room, { seq }] of rooms) {
    holdRoom(hub, room);
    const since = isSameLog ? seq : undefined;
    queries.ask({ type: "room-bounds", room, since }, (bounds) => {
      found.set(room, bounds);
      noteBounds(hub, room, bounds);
    });
  }
}
