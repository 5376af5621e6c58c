// Asks the store for what decides a login: the user's record, the last message numbers of the
// rooms, who last had the name and the alias, and the accounts involved.

import type { ParleyError } from "../../errors.ts";
import { history as limits } from "../../limits.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { holdRoom, noteBounds } from "../rooms/membership.ts";
import type { Session } from "../session.ts";
import type { RoomBounds, SessionRecord } from "../turn/store.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import { AccountQueries } from "./account-queries.ts";
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
  const accounts = new AccountQueries(hub, session, queries);
  queryRooms(hub, queries, attempt, facts.bounds);
  findName(name, (record) => (facts.holder = record));
  if (alias !== undefined) findName(alias, (record) => (facts.aliasHolder = record));
  if (recordId !== "") {
    queries.ask({ type: "load-session", session: recordId }, (record) => (facts.record = record));
  }
  accounts.find({ name: fold(name) }, (account) => (facts.owner = account));
  if (alias !== undefined) {
    accounts.find({ name: fold(alias) }, (account) => (facts.aliasOwner = account));
  }
  const { key } = session.proven;
  if (key !== undefined) accounts.find({ key }, (account) => (facts.ofKey = account));
  if (command.token !== undefined) {
    const token = hub.options.hashSecret(command.token);
    accounts.find({ token }, (account) => (facts.ofToken = account));
  }
  queries.whenAnswered((error) => {
    const haveChanged = accounts.haveChanged();
    if (error !== undefined) then({ is: "failed", error });
    else then(haveChanged ? { is: "changed" } : { is: "known", facts });
  }, "even-if-ended");
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
