// Commands with which the owner of a name manages the account: devices and the password.

import type { ParleyError } from "../../errors.ts";
import { accounts as limits } from "../../limits.ts";
import { beginning, harmless, quoted } from "../../text.ts";
import type { AccountChangeKind } from "../../protocol/messages.ts";
import {
  type Account,
  type AccountChange,
  accountMailbox,
  type AccountOutcome,
  type DeviceKey,
} from "./account-store.ts";
import { readCode, writeCode } from "./device-codes.ts";
import { endSession, expel } from "../disconnect.ts";
import type { Command, DeviceEntry, Ref } from "../events.ts";
import { findElsewhere } from "../elsewhere/find-elsewhere.ts";
import { signalPerson } from "../elsewhere/signal-person.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { recognizeDevice } from "../people/tell-persona.ts";
import { giveToken, hashNew } from "./passwords.ts";
import { reject, rejectUnknownUser, rejectUnread } from "../rejections.ts";
import { moveRole } from "../rights-store.ts";
import { mayBeOf, type Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { banOf, banText, suspectOf } from "../suspect.ts";
import { readVouch, vouchRecord, vouchText } from "../../trust/device-vouch.ts";
import type { StoreOperation, StoreResults } from "../turn/store.ts";
import { askStore } from "../turn/store-queries.ts";
import type { Outcome } from "../turn/store-client.ts";
import { tooMany } from "../rates/guess-rates.ts";

type Of<T extends Command["type"]> = Extract<Command, { type: T }>;

export function devices(hub: HubState, session: Session, command: Of<"devices">): void {
  withAccount(hub, session, command, (account) => answerDevices(hub, session, account, command));
}

export function deviceCode(hub: HubState, session: Session, command: Of<"device-code">): void {
  const { ref } = command;
  const { account } = session.identity;
  if (account === "") return rejectUnowned(hub, session, ref);
  const code = writeCode(hub.options.newSecret());
  keepCode(hub, session, hub.options.hashSecret(code), account, (isKept, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    // That happened at another server, and the session is about to be disconnected.
    const why = session.proven.isDevice ? deviceIsRevoked : passwordIsOld;
    if (!isKept) return reject(hub, session, "no-identity", why, { ref });
    hub.log.info("device code made", { ...sessionFields(session), account });
    const seconds = Math.floor(limits.codeMs / 1_000);
    hub.send(session, { type: "device-code", code, seconds, ref });
  });
}

/** In memory or, where the code may be typed at another server, in the store. */
function keepCode(
  hub: HubState,
  session: Session,
  hash: string,
  account: string,
  then: (isKept: boolean, error?: ParleyError) => void,
): void {
  if (hub.isAlone) {
    hub.deviceCodes.set(account, hash, hub.nowMs);
    return then(true);
  }
  const { key, isDevice, password } = session.proven;
  const by = {
    account,
    key: isDevice ? key : undefined,
    password: isByPassword(session) ? password : undefined,
  };
  const operation = { type: "put-code", hash, ...by, ttlMs: limits.codeMs } as const;
  askStore(hub, session, operation, (kept) =>
    kept.done ? then(kept.result === true) : then(false, kept.error),
  );
}

/** In the store, the code is used up once the device is added. */
function takeCode(
  hub: HubState,
  session: Session,
  hash: string,
  then: (account: string | undefined, error?: ParleyError) => void,
): void {
  if (hub.isAlone) return then(hub.deviceCodes.take(hash, hub.nowMs));
  askStore(hub, session, { type: "find-code", hash }, (found) =>
    found.done ? then(found.result) : then(undefined, found.error),
  );
}

export function link(hub: HubState, session: Session, command: Of<"link">): void {
  const { ref } = command;
  const { key, account: owned } = session.proven;
  if (key === undefined) {
    const message = "Only a client with a key can be added to an account: parley client has one";
    return reject(hub, session, "no-identity", message, { ref });
  }
  if (owned !== undefined) {
    return reject(hub, session, "name-registered", deviceIsOwned, { ref });
  }
  const waitMs = hub.guessRates.take(session.peer.address, undefined, hub.nowMs);
  if (waitMs > 0) {
    const message = tooMany("codes", waitMs);
    return hub.send(session, { type: "error", code: "rate", message, ref, retryAfterMs: waitMs });
  }
  const hash = hub.options.hashSecret(readCode(command.code));
  takeCode(hub, session, hash, (account, error) => {
    if (error !== undefined) {
      // Nothing was tried.
      hub.guessRates.wasRight(session.peer.address, undefined, hub.nowMs);
      return rejectUnread(hub, session, command, error);
    }
    const ban = account && banOf(hub, suspectOf(session, { accounts: [account] }));
    if (ban) return expel(hub, session, "banned", banText(ban));
    if (account === undefined) return reject(hub, session, "not-found", noSuchCode, { ref });
    linkTo(hub, session, command, { account, key, hash });
  });
}

const noSuchDevice = "No device of yours has that key, or no longer: nobody can vouch for it";
const deviceIsRevoked = "This device may no longer use the name";
const passwordIsOld = "The password was changed: log in again";
const noSuchCode =
  "There is no such code, or it has been used or is too old: /devices add makes another";
const deviceIsOwned = "This device owns a name already: use another --identity for another person";

/** The code was right. */
function linkTo(
  hub: HubState,
  session: Session,
  command: Of<"link">,
  { account, key, hash }: { account: string; key: string; hash: string },
): void {
  const { ref } = command;
  hub.guessRates.wasRight(session.peer.address, undefined, hub.nowMs);
  const label = beginning(harmless(command.label ?? ""), limits.maxLabelChars);
  const code = hub.isAlone ? undefined : hash;
  const change = { type: "add-key", account, key, label, code, atMs: hub.stampMs } as const;
  const giveBack = (): void => hub.deviceCodes.giveBack(hash);
  const done = (added: Account): void => {
    const isRevoked = added.keys.every((one) => one.key !== key || one.revokedMs !== undefined);
    if (isRevoked) return reject(hub, session, "not-found", deviceIsRevoked, { ref });
    const { name, id } = added;
    recognizeDevice(hub, session, added);
    moveRole(hub, key, { id, name });
    const { proof } = command;
    tellOthers(hub, session, { id, name }, { change: "device-added", device: label, key, proof });
    hub.log.info("device added", { ...sessionFields(session), account: id, owner: name });
    hub.send(session, { type: "linked", name, ref });
  };
  changeAccount(hub, session, command, change, done, giveBack);
}

/** Records that a device of the account vouches for another one, if it does. */
export function vouch(hub: HubState, session: Session, command: Of<"vouch">): void {
  const { key, signature, proof, ref } = command;
  const { account } = session.identity;
  const { key: by, isDevice } = session.proven;
  const { name } = session;
  const isSigned =
    by !== undefined &&
    isDevice &&
    account !== "" &&
    hub.options.credentials.verifySignature(by, vouchText(name, key), signature);
  if (!isSigned) {
    const message = "Only a device of an account vouches for another one, under its name";
    return reject(hub, session, "no-identity", message, { ref });
  }
  const record = vouchRecord({ by, signature, proof });
  const change = { type: "vouch", account, key, vouch: record, atMs: hub.stampMs } as const;
  hub.store.ask({ type: "change-account", change }, (outcome) => {
    if (!outcome.done) return rejectUnread(hub, session, command, outcome.error);
    if (!outcome.result.done) return reject(hub, session, "not-found", noSuchDevice, { ref });
    hub.log.info("device vouched for", { ...sessionFields(session), account, key });
  });
  hub.wake();
}

/**
 * The keys of a name's owner, present or not; for anybody else, the key that the session has
 * proved.
 */
export function keys(hub: HubState, session: Session, command: Of<"keys">): void {
  const { name, ref } = command;
  const lookup = { name: fold(name) };
  askStore(hub, session, { type: "find-account", lookup }, (found) => {
    if (!found.done) return rejectUnread(hub, session, command, found.error);
    const owner = found.result;
    if (owner !== undefined) {
      const active = owner.keys.filter(({ revokedMs }) => revokedMs === undefined);
      const keys = active.map(({ key }) => key);
      const vouches = active.flatMap(({ key, vouch }) => readVouch(key, vouch ?? "") ?? []);
      const list = vouches.length === 0 ? undefined : vouches;
      const about = { name: owner.name, registered: true, keys, vouches: list };
      return hub.send(session, { type: "keys", ...about, ref });
    }
    keysOfUnregistered(hub, session, command);
  });
}

function keysOfUnregistered(hub: HubState, session: Session, command: Of<"keys">): void {
  const { name, ref } = command;
  const answer = (shown: string, key: string | undefined): void => {
    const keys = key === undefined ? [] : [key];
    hub.send(session, { type: "keys", name: shown, registered: false, keys, ref });
  };
  const holder = hub.names.holder(fold(name));
  if (holder !== undefined) return answer(holder.name, holder.proven.key);
  findElsewhere(hub, session, [fold(name)], ([found], error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    if (found === undefined) return rejectUnknownUser(hub, session, name, { ref });
    answer(found.name, found.about.proved);
  });
}

export function revoke(hub: HubState, session: Session, command: Of<"revoke">): void {
  withAccount(hub, session, command, (account) => {
    const active = account.keys.filter(({ revokedMs }) => revokedMs === undefined);
    const found = active.filter(({ key }) => key.startsWith(command.key));
    const [device] = found;
    const { ref } = command;
    if (device === undefined || found.length > 1) {
      const whose =
        found.length > 1 ? "The keys of several devices begin" : "No device has a key that begins";
      const message = `${whose} with ${quoted(command.key)}: /devices lists them`;
      return reject(hub, session, "not-found", message, { ref, subject: command.key });
    }
    if (active.length === 1 && account.password === undefined) {
      return rejectLast(hub, session, command);
    }
    revokeDevice(hub, session, command, account, device);
  });
}

function revokeDevice(
  hub: HubState,
  session: Session,
  command: Of<"revoke">,
  { id }: Account,
  { key, label }: DeviceKey,
): void {
  const change = { type: "revoke-key", account: id, key, atMs: hub.stampMs } as const;
  changeAccount(hub, session, command, change, (account) => {
    hub.log.info("device revoked", { ...sessionFields(session), account: id, key });
    // The server may have crashed between the device's joining and that.
    moveRole(hub, key, account);
    hub.deviceCodes.drop(id);
    answerDevices(hub, session, account, command);
    tellOthers(hub, session, account, { change: "device-revoked", device: label });
    dropPeers(hub, account);
    // Also under other names, and without a name.
    endOtherSessions(hub, session, id, deviceIsRevoked, (one) => one.proven.key === key);
  });
}

/** The registry must no longer lead to peers of the name with another key than its devices'. */
function dropPeers(hub: HubState, { name, keys }: Account): void {
  const folded = fold(name);
  const active = keys.filter(({ revokedMs }) => revokedMs === undefined);
  const activeKeys = new Set(active.map(({ key }) => key));
  hub.options.control.dropRegistrations(
    (id, _, key = "") => fold(id) === folded && !activeKeys.has(key),
  );
}

/** Disconnects the account's other sessions for which `isMeant` is true. */
function endOtherSessions(
  hub: HubState,
  session: Session,
  account: string,
  reason: string,
  isMeant: (session: Session) => boolean,
): void {
  hub.noteAccountChanged(account);
  for (const one of hub.sessions) {
    if (one === session || !mayBeOf(one, account) || !isMeant(one)) continue;
    hub.send(one, { type: "bye", reason });
    endSession(hub, one);
  }
}

export function setPassword(hub: HubState, session: Session, command: Of<"set-password">): void {
  const { password, ref } = command;
  if (session.identity.account === "") return rejectUnowned(hub, session, ref);
  if (password === undefined) {
    return withAccount(hub, session, command, ({ keys }) => {
      if (keys.some(({ revokedMs }) => revokedMs === undefined)) {
        return keepPassword(hub, session, command, undefined);
      }
      rejectLast(hub, session, command);
    });
  }
  // Otherwise one network could keep the password hasher busy.
  const waitMs = hub.guessRates.take(session.peer.address, undefined, hub.nowMs);
  if (waitMs > 0) {
    const message = tooMany("passwords", waitMs);
    return hub.send(session, { type: "error", code: "rate", message, ref, retryAfterMs: waitMs });
  }
  hashNew(hub, session, password, ref, (hash) => keepPassword(hub, session, command, hash));
}

/**
 * Everybody logged in with the old password or a token must log in again, since somebody who knows
 * it could change it back; except the session that asks.
 */
function keepPassword(
  hub: HubState,
  session: Session,
  command: Of<"set-password">,
  password: string | undefined,
): void {
  const { account } = session.identity;
  const change = { type: "set-password", account, password, atMs: hub.stampMs } as const;
  const isSet = password !== undefined;
  changeAccount(hub, session, command, change, (changed) => {
    hub.log.info("password changed", { ...sessionFields(session), account, isSet });
    hub.deviceCodes.drop(account);
    tellOthers(hub, session, changed, { change: "password-changed", device: "" });
    endOtherSessions(hub, session, account, passwordIsOld, isByPassword);
    session.prove({ password });
    const { ref, remember } = command;
    const answer = (token: string | undefined): void =>
      hub.send(session, { type: "password-set", isSet, token, ref });
    if (remember === true && isSet && !session.hasEnded) {
      giveToken(hub, session, { id: account, password }, answer);
    } else answer(undefined);
  });
}

/** Whether the session logged in with the old password, or with a token issued for it. */
function isByPassword({ proven }: Session): boolean {
  return !proven.isDevice && proven.isBearer !== true;
}

/** Notifies the owner's other sessions, in case it was not the owner. */
function tellOthers(
  hub: HubState,
  session: Session,
  { id, name }: Pick<Account, "id" | "name">,
  what: { change: AccountChangeKind; device: string; key?: string; proof?: string | undefined },
): void {
  for (const one of hub.names.readers(accountMailbox(id))) {
    if (one !== session) hub.send(one, { type: "account-changed", ...what });
  }
  if (!hub.isAlone) signalPerson(hub, { type: "account-changed", to: fold(name), ...what });
}

function answerDevices(
  hub: HubState,
  session: Session,
  { keys }: Account,
  { ref }: { ref?: Ref | undefined },
): void {
  const entries = keys.map((key): DeviceEntry => ({
    key: key.key,
    label: key.label,
    addedMs: key.addedMs,
    usedMs: key.usedMs,
    revokedMs: key.revokedMs,
    isOwn: key.key === session.proven.key,
  }));
  hub.send(session, { type: "devices", devices: entries, ref });
}

/** Loads the session's account. */
function withAccount(
  hub: HubState,
  session: Session,
  command: Of<"devices" | "revoke" | "set-password">,
  then: (account: Account) => void,
): void {
  const { account: id } = session.identity;
  if (id === "") return rejectUnowned(hub, session, command.ref);
  askStore(hub, session, { type: "find-account", lookup: { id } }, (found) => {
    if (!found.done) return rejectUnread(hub, session, command, found.error);
    if (found.result === undefined) return rejectUnowned(hub, session, command.ref);
    then(found.result);
  });
}

type ChangingCommand = Of<"link" | "revoke" | "set-password">;

/**
 * Calls `then` also if the session has ended meanwhile: what it has changed concerns others.
 * `unchanged`: called if the store has failed.
 */
function changeAccount(
  hub: HubState,
  session: Session,
  command: ChangingCommand,
  change: AccountChange,
  then: (account: Account) => void,
  unchanged: () => void = () => {},
): void {
  askOfAccount(hub, session, { type: "change-account", change }, (outcome, changed) => {
    if (!outcome.done) {
      unchanged();
      return rejectUnread(hub, session, command, outcome.error);
    }
    const { result } = outcome;
    if (!result.done) rejectUnchanged(hub, session, command, result.why);
    else if (!changed.has(result.account.id)) then(result.account);
    else readAgain(hub, session, command, result.account.id, then);
  });
}

/** The answer to a change came so late that the account has changed once more. */
function readAgain(
  hub: HubState,
  session: Session,
  command: ChangingCommand,
  id: string,
  then: (account: Account) => void,
): void {
  askOfAccount(hub, session, { type: "find-account", lookup: { id } }, (found, changed) => {
    if (!found.done) return rejectUnread(hub, session, command, found.error);
    if (changed.has(id)) return readAgain(hub, session, command, id, then);
    if (found.result === undefined) rejectUnchanged(hub, session, command, "missing");
    else then(found.result);
  });
}

/** `changed`: the accounts that have changed since the store was asked. */
function askOfAccount<K extends "change-account" | "find-account">(
  hub: HubState,
  session: Session,
  operation: StoreOperation & { type: K },
  then: (outcome: Outcome<StoreResults[K]>, changed: ReadonlySet<string>) => void,
): void {
  const changed = new Set<string>();
  hub.accountReads.set(session, changed);
  const conclude = (outcome: Outcome<StoreResults[K]>): void => {
    hub.accountReads.delete(session);
    then(outcome, changed);
  };
  askStore(hub, session, operation, conclude, "even-if-ended");
}

function rejectUnchanged(
  hub: HubState,
  session: Session,
  command: ChangingCommand,
  why: Extract<AccountOutcome, { done: false }>["why"],
): void {
  const { type, ref } = command;
  if (why === "full") {
    const message = `An account has at most ${limits.maxKeys} devices: revoke one first`;
    return reject(hub, session, "full", message, { ref });
  }
  // Another device, or the password, has been removed in the same moment.
  if (why === "last") return rejectLast(hub, session, command);
  if (type !== "link") return rejectUnowned(hub, session, ref);
  if (why === "key") return reject(hub, session, "name-registered", deviceIsOwned, { ref });
  reject(hub, session, "not-found", noSuchCode, { ref });
}

/** Nobody could log in any more. */
function rejectLast(hub: HubState, session: Session, { type, ref }: ChangingCommand): void {
  const message =
    type === "set-password"
      ? "The password is the only way to log in with this name: add a device first"
      : `This is the only way to log in as ${session.name}: add a device or set a password first`;
  reject(hub, session, "protocol", message, { ref });
}

function rejectUnowned(hub: HubState, session: Session, ref: Ref | undefined): void {
  const message = `Your name is not registered: /register makes it yours`;
  reject(hub, session, "no-identity", message, { ref });
}
