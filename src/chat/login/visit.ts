// Connections that are in no room, receive no messages and take no name: they fetch files, relay
// calls, or give operators' commands. A visitor may name themselves nevertheless, and a registered
// name must be proved. Whoever owns the key or the name is known, so that bans and limits apply.

import { networkOf } from "../../addresses.ts";
import { sender } from "../../limits.ts";
import type { ParleyError } from "../../errors.ts";
import type { Account } from "../accounts/account-store.ts";
import { expel } from "../disconnect.ts";
import type { LoginCommand } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { takenByMember } from "../names/absent.ts";
import { fold, nameProblem } from "../names/grammar.ts";
import { withheldRefusal } from "../names/withheld.ts";
import type { LoginRefusal } from "../refusal.ts";
import type { Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { banOf, banText, suspectOf } from "../suspect.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import { AccountQueries } from "./account-queries.ts";
import { authenticate } from "./authentication.ts";
import { proveKey } from "./key-proof.ts";
import { refuseBanned, refuseLogin } from "./refuse-login.ts";

type Found = {
  owner: Account | undefined;
  ofKey: Account | undefined;
  ofToken: Account | undefined;
};

export function visit(hub: HubState, session: Session, command: LoginCommand): void {
  const { name } = command;
  const problem = name === "" ? undefined : nameProblem(name, hub.options.reservedNames);
  if (problem !== undefined) {
    return refuseLogin(hub, session, name, { code: "name-invalid", message: problem });
  }
  if (!proveKey(hub, session, command)) return;
  if (refuseIfBanned(hub, session, name)) return;
  const { key } = session.proven;
  if (name === "" && (key === undefined || !hub.rights.sanctions.has("ban"))) {
    admit(hub, session);
    // A store that does not answer must not keep anybody from the files.
    if (key !== undefined) recognizeLater(hub, session, key);
    return;
  }
  session.enter("entering");
  // What is asked along with it waits for the answer.
  session.queue.block();
  session.awaitedNames = name === "" ? [] : [fold(name)];
  queryAccounts(hub, session, command);
}

function queryAccounts(hub: HubState, session: Session, command: LoginCommand): void {
  const { name, token } = command;
  const { key } = session.proven;
  const found: Found = { owner: undefined, ofKey: undefined, ofToken: undefined };
  const queries = new StoreQueries(hub, session);
  const accounts = new AccountQueries(hub, session, queries);
  if (name !== "") accounts.find({ name: fold(name) }, (owner) => (found.owner = owner));
  if (key !== undefined) accounts.find({ key }, (account) => (found.ofKey = account));
  if (token !== undefined) {
    const hash = hub.options.hashSecret(token);
    accounts.find({ token: hash }, (account) => (found.ofToken = account));
  }
  queries.whenAnswered((error) => {
    const haveChanged = accounts.haveChanged();
    if (session.phase !== "entering") return hub.unblock(session);
    if (error !== undefined) return refuse(hub, session, name, notRead(error));
    if (haveChanged) return queryAccounts(hub, session, command);
    decide(hub, session, command, found);
  }, "even-if-ended");
}

function notRead({ code, message }: ParleyError): LoginRefusal {
  return { code, message, retryAfterMs: sender.storageRetryMs };
}

function decide(hub: HubState, session: Session, command: LoginCommand, found: Found): void {
  const { name } = command;
  const { owner, ofKey, ofToken } = found;
  if (owner === undefined) {
    const account = (ofKey ?? ofToken)?.id ?? session.proven.account;
    session.prove({ account, isDevice: ofKey !== undefined });
    const reserved = withheldRefusal(name);
    if (reserved !== undefined) return refuse(hub, session, name, reserved);
    if (name !== "" && isOfOther(hub, session, name)) {
      return refuse(hub, session, name, takenByMember(name));
    }
    return enter(hub, session, { name });
  }
  authenticate(hub, session, command, { owner, ofKey, ofToken }, (refusal) => {
    if (session.phase !== "entering") return hub.unblock(session);
    if (refusal !== undefined) return refuse(hub, session, name, refusal);
    session.prove({ account: owner.id, isDevice: ofKey?.id === owner.id });
    enter(hub, session, { name: owner.name, account: owner.id });
  });
}

/** Nothing proves an unregistered name. People of one network may share it, as after a restart. */
function isOfOther(hub: HubState, { peer }: Session, name: string): boolean {
  const holder = hub.names.holder(fold(name));
  return holder !== undefined && networkOf(holder.peer.address) !== networkOf(peer.address);
}

function enter(hub: HubState, session: Session, who: { name: string; account?: string }): void {
  hub.unblock(session);
  if (refuseIfBanned(hub, session, who.name)) return;
  if (who.name !== "") {
    hub.names.speakFor(session, who);
    hub.log.info("signed in", sessionFields(session));
  }
  admit(hub, session);
}

function refuseIfBanned(hub: HubState, session: Session, name: string): boolean {
  const ban = banOf(hub, suspectOf(session, { names: [name] }));
  if (ban !== undefined) refuseBanned(hub, session, name, ban);
  return ban !== undefined;
}

function refuse(hub: HubState, session: Session, name: string, refusal: LoginRefusal): void {
  hub.unblock(session);
  session.enter("new");
  refuseLogin(hub, session, name, refusal);
}

/** A ban of the account that the key belongs to ends the visit, now or later. */
function recognizeLater(hub: HubState, session: Session, key: string): void {
  hub.store.ask({ type: "find-account", lookup: { key } }, (outcome) => {
    const account = outcome.done ? outcome.result : undefined;
    if (account === undefined || session.phase !== "visitor") return;
    session.prove({ account: account.id, isDevice: true });
    const ban = banOf(hub, suspectOf(session));
    if (ban !== undefined) expel(hub, session, "banned", banText(ban));
  });
  hub.wake();
}

function admit(hub: HubState, session: Session): void {
  session.enter("visitor");
  hub.send(session, {
    type: "welcome",
    name: "",
    alias: undefined,
    secret: "",
    epoch: hub.options.epoch,
    mail: 0,
    n: 0,
    recovered: false,
    rooms: [],
    access: hub.grantAccess(session),
  });
}
