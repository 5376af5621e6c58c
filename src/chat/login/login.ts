// The first part of a login, before the store is asked: checks and reserves the name, and verifies
// the key of the client's device. pending-login.ts has the rest.

import { names as nameLimits, sender } from "../../limits.ts";
import { loginProofText } from "../../trust/login-proof.ts";
import { passDoor } from "./door.ts";
import type { Command, LoginCommand, RoomAsked } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import {
  addressName,
  aliasProblem,
  fold,
  lobby,
  nameProblem,
  roomProblem,
} from "../names/grammar.ts";
import { isWithheld } from "../names/withheld.ts";
import { takenNow } from "../names/taken.ts";
import { proveKey } from "./key-proof.ts";
import type { LoginAttempt } from "./login-stages.ts";
import { PendingLogin } from "./pending-login.ts";
import { refuseLogin } from "./refuse-login.ts";
import { reject, storeIsSlow } from "../rejections.ts";
import type { Session } from "../session.ts";
import { visit } from "./visit.ts";

export function login(hub: HubState, session: Session, command: LoginCommand): void {
  if (session.phase !== "new" || session.challenge !== undefined) {
    const message = "You are already logged in";
    return hub.send(session, { type: "error", code: "protocol", message });
  }
  passDoor(hub, session, command, () => logIn(hub, session, command));
}

function logIn(hub: HubState, session: Session, command: LoginCommand): void {
  if (command.visitor === true) return visit(hub, session, command);
  const assigned = command.name === "" && command.assign === true;
  const name = assigned ? freeAddressName(hub, session) : command.name;
  const refusal = assigned ? undefined : nameProblem(name, hub.options.reservedNames);
  if (refusal !== undefined) {
    return refuseLogin(hub, session, name, { code: "name-invalid", message: refusal });
  }
  const rooms = roomsAsked(command);
  const problem = roomsProblem(rooms);
  if (problem !== undefined) {
    return refuseLogin(hub, session, name, { code: "room-invalid", message: problem });
  }
  if (!proveKey(hub, session, command)) return;

  const secret = command.secret === "" ? hub.options.newSecret() : (command.secret ?? "");
  const recordId = secret === "" ? "" : hub.options.hashSecret(secret);
  const previous = recordId === "" ? undefined : hub.names.byKey(recordId);
  if (recordId !== "" && hub.names.entering(recordId) !== undefined) {
    const message = "This session is already logging in on another connection: try again";
    return refuseLogin(hub, session, name, { code: "rate", message, retryAfterMs: retryLoginMs });
  }
  if (hub.names.isRegistering(recordId)) {
    const message = "This session's name is being registered: try again";
    return refuseLogin(hub, session, name, { code: "rate", message, retryAfterMs: retryLoginMs });
  }
  const taken = takenNow(hub, session, name, previous);
  // A registered name may belong to this client: the store decides.
  if (taken !== undefined && !mayBeOwner(hub, session, command)) {
    return refuseLogin(hub, session, name, taken);
  }
  if (hub.isOverfull()) {
    const { storageRetryMs: retryAfterMs } = sender;
    return refuseLogin(hub, session, name, { code: "storage", message: storeIsSlow, retryAfterMs });
  }

  session.enter("entering");
  session.queue.block();
  previous?.queue.block();
  hub.names.reserve(fold(name));
  if (recordId !== "") hub.names.beginEntry(session, recordId);
  const alias = shownAlias(hub, command);
  session.awaitedNames = [name, alias ?? name].map(fold);
  const attempt = { command, name, alias, secret, recordId, previous, rooms };
  const pending = new PendingLogin(hub, session, attempt);
  // Unsettled work of this record is settled first, because the welcome reports its numbers.
  if (recordId !== "" && hub.pipeline.hasPending(recordId, previous)) {
    hub.pipeline.whenSettled(() => pending.queryStore());
  } else pending.queryStore();
}

const retryLoginMs = 1_000;

/** The client answers a challenge: the waiting login continues. */
export function prove(
  hub: HubState,
  session: Session,
  { signature }: Extract<Command, { type: "prove" }>,
): void {
  const { challenge } = session;
  if (challenge === undefined) return reject(hub, session, "protocol", "Nothing is to be proved");
  session.challenge = undefined;
  hub.unblock(session);
  const { command, nonce } = challenge;
  login(hub, session, { ...command, identity: signed(command, signature) });
  function signed({ name, identity }: LoginCommand, signature: string): LoginCommand["identity"] {
    const key = identity?.key ?? "";
    const text = loginProofText({ name, nonce });
    if (hub.options.credentials.verifySignature(key, text, signature)) {
      session.prove({ key, account: undefined, isDevice: false });
    }
    return { key, signature };
  }
}

/** Whether a name in use may be registered to this session's owner. */
function mayBeOwner(hub: HubState, session: Session, command: LoginCommand) {
  const { name, token, password, bearer } = command;
  const holder = hub.names.holder(fold(name));
  if (holder !== undefined) return holder.identity.account !== "";
  const { key, account } = session.proven;
  return (key ?? account ?? token ?? password ?? bearer) !== undefined;
}

function roomsAsked({ rooms }: LoginCommand): LoginAttempt["rooms"] {
  const asked = new Map<string, RoomAsked>();
  for (const { room, ...more } of rooms ?? [{ room: lobby }]) asked.set(fold(room), more);
  return asked;
}

function roomsProblem(rooms: LoginAttempt["rooms"]): string | undefined {
  const most = nameLimits.maxRoomsPerSession;
  if (rooms.size > most) return `A session can be in at most ${most} rooms, not ${rooms.size}`;
  for (const name of rooms.keys()) {
    const problem = roomProblem(name);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The alias if it is valid; otherwise the name is shown instead. */
function shownAlias({ options }: HubState, { alias }: LoginCommand): string | undefined {
  if (alias === undefined || isWithheld(alias)) return undefined;
  return aliasProblem(alias, options.reservedNames) === undefined ? alias : undefined;
}

function freeAddressName(hub: HubState, session: Session): string {
  const name = addressName(session.peer.address, session.peer.port);
  return hub.names.isTaken(fold(name)) ? `${name}#${session.id}` : name;
}
