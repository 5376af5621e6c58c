// Registration: the name of a session becomes its owner's, proved by the key of the device or by a
// password.

import { accounts as limits } from "../../limits.ts";
import { ownerAt } from "../../share-owner.ts";
import { beginning, harmless, quoted } from "../../text.ts";
import {
  type Account,
  accountMailbox,
  type AccountOutcome,
  type OwnMailbox,
} from "./account-store.ts";
import type { Command, Ref } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { roomsOf } from "../rooms/membership.ts";
import { followRanks } from "../rooms/member-news.ts";
import { noteMail } from "../elsewhere/foreign-events.ts";
import { claimName, releaseUnused } from "../elsewhere/name-claims.ts";
import { giveToken, hashNew } from "./passwords.ts";
import { fold, nameProblem } from "../names/grammar.ts";
import { refuseIfOverfull, reject, rejectUnread } from "../rejections.ts";
import { moveRole } from "../rights-store.ts";
import { tellPersona } from "../people/tell-persona.ts";
import { shareMember } from "../elsewhere/share-presence.ts";
import { personKey, type Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import type { NameClaim } from "../turn/store.ts";

type Register = Extract<Command, { type: "register" }>;

export function register(hub: HubState, session: Session, command: Register): void {
  const { password, ref } = command;
  const { name, account } = session.identity;
  if (account !== "") {
    return reject(hub, session, "name-taken", `${quoted(name)} is yours already`, { ref });
  }
  // Names assigned by the server, such as addresses, cannot be owned.
  const problem = nameProblem(name, hub.options.reservedNames);
  if (problem !== undefined) {
    return reject(hub, session, "name-invalid", problem, { ref, subject: name });
  }
  if (session.proven.key === undefined && password === undefined) {
    const message =
      "To register a name, prove a key or choose a password: parley client does the former";
    return reject(hub, session, "no-identity", message, { ref });
  }
  if (refuseIfOverfull(hub, session, { ref })) return;
  if (isTooSoon(hub, session, ref)) return;
  if (password === undefined) return registerWith(hub, session, command, undefined);
  hashNew(hub, session, password, ref, (hash) => registerWith(hub, session, command, hash));
}

/**
 * Counts a registration; refuses it if the session's network has made too many. True if refused.
 */
function isTooSoon(hub: HubState, session: Session, ref: Ref | undefined): boolean {
  if (hub.options.rates === undefined) return false;
  const { address } = session.peer;
  const retryAfterMs = hub.registrationRates.take(ownerAt(address), hub.nowMs);
  if (retryAfterMs === 0) {
    hub.tellCharge({ what: "registration", address });
    return false;
  }
  const message = `Too many names are registered from ${address}: try again in ${Math.ceil(retryAfterMs / 60_000)} min`;
  hub.send(session, { type: "error", code: "rate", message, retryAfterMs, ref });
  return true;
}

function registerWith(
  hub: HubState,
  session: Session,
  command: Register,
  password: string | undefined,
): void {
  const { store, options, stampMs: atMs } = hub;
  const { name, folded, recordId } = session.identity;
  if (hub.names.entering(recordId) !== undefined) {
    const message = "This session is logging in on another connection: register there";
    return reject(hub, session, "rate", message, { ref: command.ref });
  }
  const { key } = session.proven;
  const label = beginning(harmless(command.label ?? ""), limits.maxLabelChars);
  const account = options.newSecret();
  const device = key === undefined ? undefined : { key, label };
  // Other servers may be writing to it at this moment.
  const mailbox = hub.isAlone ? undefined : ownMailbox(session);
  const about = { account, name, folded, key: device, password, mailbox };
  const change = { type: "register", ...about, atMs } as const;
  const registering = { ...session.identity };
  hub.names.beginRegistration(registering);
  session.registersAs = account;
  session.queue.block();
  const finish = (): void => {
    session.registersAs = undefined;
    hub.names.endRegistration(registering);
    hub.unblock(session);
  };
  store.ask({ type: "change-account", change }, (outcome) => {
    if (outcome.done && outcome.result.done) {
      const made = { id: account, password };
      return withToken(hub, session, made, command, (token) => {
        hub.pipeline.whenSettled(() => {
          // The account may have become an operator before the store's answer arrived.
          const tellRooms = followRanks(hub, session);
          own(hub, session, made, command, token);
          if (key !== undefined) moveRole(hub, key, { id: account, name });
          tellRooms();
          finish();
        });
      });
    }
    if (outcome.done && !outcome.result.done && outcome.result.why === "key") {
      return nameOfKey(hub, key, (owned) => {
        finish();
        reject(hub, session, "name-registered", ownsAnother(owned), { ref: command.ref });
      });
    }
    finish();
    if (!outcome.done) return rejectUnread(hub, session, command, outcome.error);
    if (outcome.result.done) return;
    reject(hub, session, ...refusalOf(outcome.result.why, name), { ref: command.ref });
  });
}

/** Undefined if it can't be told. */
function nameOfKey(
  hub: HubState,
  key: string | undefined,
  then: (name: string | undefined) => void,
): void {
  if (key === undefined) return then(undefined);
  hub.store.ask({ type: "find-account", lookup: { key } }, (outcome) =>
    then(outcome.done ? outcome.result?.name : undefined),
  );
}

function ownMailbox({ identity, mailbox }: Session): OwnMailbox | undefined {
  if (identity.mailbox === "") return undefined;
  return { session: identity.mailbox, received: mailbox.received };
}

function ownsAnother(name: string | undefined): string {
  const owned = name === undefined ? "another name" : `the name ${quoted(name)}`;
  return `Your key owns ${owned} already: connect with that one, or use another --identity`;
}

function refusalOf(
  why: Extract<AccountOutcome, { done: false }>["why"],
  name: string,
): [code: "name-registered" | "full", message: string] {
  switch (why) {
    case "full":
      return ["full", "The server has no room for more registered names: ask its operator"];
    default:
      return ["name-registered", `The name ${quoted(name)} is registered by somebody else`];
  }
}

/**
 * The token comes before the name is the session's own: what the account gets from then on follows
 * the answer, which has the token.
 */
function withToken(
  hub: HubState,
  session: Session,
  account: Pick<Account, "id" | "password">,
  { remember }: Register,
  then: (token: string | undefined) => void,
): void {
  const isWanted = account.password !== undefined && remember === true && !session.hasEnded;
  if (isWanted) giveToken(hub, session, account, then);
  else then(undefined);
}

/** What the client may not have received goes to the account, even if it is gone. */
function moveMail(hub: HubState, session: Session, to: string): void {
  const { gathering } = hub.pipeline;
  const continues = ownMailbox(session);
  if (continues === undefined) return;
  for (const item of gathering.mail) {
    if (item.recipient === continues.session) item.recipient = to;
  }
  if (!hub.isAlone) return;
  const about = { name: "", n: 0, network: "", seenMs: hub.nowMs };
  gathering.mailboxes.push({ id: to, ...about, continues });
}

/** Other servers may have told of messages in either mailbox while the session read the other. */
function catchUp(hub: HubState, session: Session, mailbox: string): void {
  hub.store.ask({ type: "load-session", session: mailbox }, (outcome) => {
    if (!outcome.done) return hub.log.warn(outcome.error.message);
    noteMail(hub, session, outcome.result?.mail ?? 0);
  });
}

/**
 * At other servers, too, the name is the account's from now on: its other devices may have it.
 * `before`: the session's own claim, which the account's replaces.
 */
function claimForAccount(hub: HubState, session: Session, before: NameClaim): void {
  const { folded } = session.identity;
  claimName(hub, session, { folded }, ({ isFree, problem, keep, giveUp }) => {
    if (problem !== undefined) hub.log.warn(problem.message);
    // Nobody else would release it.
    if (!isFree) releaseUnused(hub, before);
    if (session.phase === "member") keep();
    else giveUp();
  });
  hub.list(folded);
  for (const room of roomsOf(hub, session)) shareMember(hub, session, room, undefined);
}

/**
 * Makes the session the owner of its name. Runs between two batches, so that its mail goes to one
 * mailbox up to this point and to the other one from then on.
 */
function own(
  hub: HubState,
  session: Session,
  { id: account, password }: Pick<Account, "id" | "password">,
  { ref }: Register,
  token: string | undefined,
): void {
  const { identity } = session;
  const person = personKey(identity);
  const mailbox = accountMailbox(account);
  moveMail(hub, session, mailbox);
  if (session.phase !== "member") return;
  if (!hub.isAlone) catchUp(hub, session, mailbox);
  hub.names.beginAccount(session, account);
  // Ranks and invitations are the person's.
  for (const room of hub.rooms.values()) room.rekey(person, personKey(identity));
  claimForAccount(hub, session, { name: identity.folded, holder: person });
  // Services without a login must no longer use the name.
  hub.options.control.dropRegistrations((id) => fold(id) === identity.folded);
  const { key, token: hash } = session.proven;
  const given = token === undefined ? undefined : hash;
  session.prove({ account, isDevice: key !== undefined, password, token: given });
  session.person.describe({ accountName: identity.name });
  tellPersona(hub, session, "account");
  hub.log.info("name registered", { ...sessionFields(session), account });
  hub.send(session, { type: "registered", name: identity.name, token, ref });
  hub.wake();
}
