// Admission: a server may require its password from everybody, or admit only members. Until then, a
// stranger learns nothing except that this is a parley server.

import { ParleyError } from "../../errors.ts";
import { rights as limits, sender } from "../../limits.ts";
import { withoutLineEnd } from "../../text.ts";
import type { HubState } from "../hub-state.ts";
import type { LoginCommand } from "../events.ts";
import { closedText, type DoorOptions, isOpen } from "./door-options.ts";
import { sessionFields } from "../session-log.ts";
import { proveKey } from "./key-proof.ts";
import { claimPlace, placeClaim, releasePlace } from "../elsewhere/place-claims.ts";
import { hasProof, proveMembership } from "./membership-proof.ts";
import { tooMany } from "../rates/guess-rates.ts";
import { passRow } from "../rights/passes.ts";
import { storeRights } from "../rights-store.ts";
import type { Refusal } from "../refusal.ts";
import { refuseBanned, turnAway } from "./refuse-login.ts";
import { isClaim } from "../server-control.ts";
import type { Session } from "../session.ts";
import type { NameClaim } from "../turn/store.ts";
import { banOf, suspectOf } from "../suspect.ts";

/**
 * Calls `enter` once the session is admitted; otherwise the session is refused, or asked a question
 * that it answers with another command.
 */
export function passDoor(
  hub: HubState,
  session: Session,
  command: LoginCommand,
  enter: () => void,
): void {
  const { door } = hub.options;
  if (session.isAdmitted || isOpen(door)) return enter();
  const { serverPassword, pass } = command;
  const mayBeMember = door.isMembersOnly && hasProof(command);
  const isPasswordMissing = door.checkPassword !== undefined && serverPassword === undefined;
  const hasShownNothing = serverPassword === undefined && !mayBeMember;
  if (pass === undefined && (hasShownNothing || isPasswordMissing)) {
    return ask(hub, session, command);
  }
  // A key or token can't be guessed, so its holder need not wait for others of the network.
  const isGuess = (pass ?? serverPassword ?? command.password) !== undefined;
  const waitMs = isGuess ? hub.guessRates.waitMs(session.peer.address, hub.nowMs) : 0;
  if (waitMs > 0) {
    return turnAway(hub, session, {
      code: "rate",
      message: tooMany("attempts", waitMs),
      retryAfterMs: waitMs,
    });
  }
  const isRight = door.checkPassword?.(serverPassword ?? "") ?? door.isMembersOnly;
  if (isRight && !door.isMembersOnly) {
    session.admit();
    return enter();
  }
  // People using the old dialects are asked once, and may answer with any of these.
  const code = pass ?? serverPassword;
  // The first owner enters to use it.
  if (code !== undefined && isClaim(hub.options, code)) {
    session.admit();
    return enter();
  }
  if (code !== undefined && hub.rights.passes.isValid(hub.options.hashSecret(code), hub.stampMs)) {
    // A returning guest may be recognized by their key.
    if (!proveKey(hub, session, command)) return;
    const shown = redemption(hub, session, command, code);
    if (hub.rights.passes.admits(shown.hash, shown.guest, hub.stampMs)) {
      return redeem(hub, session, shown, command, enter);
    }
  }
  if (isRight && mayBeMember && pass === undefined) {
    return enterAsMember(hub, session, command, enter);
  }
  hub.guessRates.wasWrong(session.peer.address, hub.nowMs);
  fail(hub, session, command);
}

/** Admits the owner of a registered name. To everybody else, all names look the same. */
function enterAsMember(
  hub: HubState,
  session: Session,
  command: LoginCommand,
  enter: () => void,
): void {
  if (!proveKey(hub, session, command)) return;
  proveMembership(hub, session, command, (problem) => {
    if (session.phase !== "new") return;
    if (problem?.why === "failed") {
      return turnAway(hub, session, problem.refusal);
    }
    if (problem !== undefined) {
      const { password, serverPassword } = command;
      // A password has already been counted; a key can't be guessed, but this may have been meant
      // as a pass.
      if (password === undefined && serverPassword !== undefined) {
        hub.guessRates.wasWrong(session.peer.address, hub.nowMs);
      }
      return fail(hub, session, command);
    }
    // Somebody without a name can only be identified by the account.
    const ban = banOf(hub, suspectOf(session));
    if (ban !== undefined) return refuseBanned(hub, session, command.name, ban);
    session.admit();
    enter();
  });
}

/** The answer to the question that the session was asked. */
export function answerDoor(
  hub: HubState,
  session: Session,
  text: string,
): LoginCommand | undefined {
  const { asked } = session;
  session.asked = undefined;
  // An unframed message may include its line ending.
  const serverPassword = withoutLineEnd(text);
  if (asked !== undefined) {
    // It may be the password of the name as well.
    const { isMembersOnly } = hub.options.door;
    return { ...asked, serverPassword, ...(isMembersOnly && { password: serverPassword }) };
  }
  hub.send(session, { type: "error", code: "protocol", message: "You were not asked anything" });
  return undefined;
}

/** A pass that was shown: its hash, and the IDs by which its user is recognized later. */
type Redemption = { hash: string; guest: readonly string[] };

function redemption(
  hub: HubState,
  session: Session,
  { secret = "" }: LoginCommand,
  code: string,
): Redemption {
  const { hashSecret } = hub.options;
  const { key = "" } = session.proven;
  const guest = [secret, key].filter((id) => id !== "").map((id) => hashSecret(id));
  return { hash: hashSecret(code), guest };
}

function redeem(
  hub: HubState,
  session: Session,
  shown: Redemption,
  command: LoginCommand,
  enter: () => void,
): void {
  claimUse(hub, session, shown, (problem) => {
    if (session.phase !== "new") return;
    if (problem === undefined) return redeemClaimed(hub, session, shown, command, enter);
    turnAway(hub, session, notStored(problem));
  });
}

const usedElsewhere = "Somebody else has just used this pass: try again";

function notStored(message: string): Refusal {
  return { code: "storage", message, retryAfterMs: sender.storageRetryMs };
}

/**
 * If a pass is shown on several servers at the same time, only one of them may use up its next use.
 * The claim is released at once if the session ended while the store was asked, or the use can't be
 * stored. Otherwise it lasts as long as the server: by then the others know that the use is gone.
 */
function claimUse(
  hub: HubState,
  session: Session,
  shown: Redemption,
  then: (problem: string | undefined) => void,
): void {
  const { hash, guest } = shown;
  const claim = nextUse(hub, session, shown);
  if (claim === undefined) return then(undefined);
  claimPlace(hub, session, claim, (answer) => {
    if (answer instanceof ParleyError) return then(answer.message);
    // Others may have used it on this server meanwhile.
    const isLeft = answer === "free" && hub.rights.passes.admits(hash, guest, hub.stampMs);
    then(isLeft ? undefined : usedElsewhere);
  });
}

/** Undefined: it needs no claim. */
function nextUse(
  hub: HubState,
  session: Session,
  { hash, guest }: Redemption,
): NameClaim | undefined {
  const use = hub.rights.passes.nextUse(hash, guest);
  if (hub.isAlone || use === undefined) return undefined;
  const holder = guest[0] ?? `#${session.id}`;
  return placeClaim("pass", `${hash}/${use}`, holder);
}

function redeemClaimed(
  hub: HubState,
  session: Session,
  shown: Redemption,
  command: LoginCommand,
  enter: () => void,
): void {
  const { rights } = hub;
  const { hash, guest } = shown;
  const claim = nextUse(hub, session, shown);
  const isUse = rights.passes.redeem(hash, guest);
  // Admit only what has been stored: after a crash, a pass for one person must not admit another.
  session.queue.block();
  storeRights(hub, (problem, outdated) => {
    hub.unblock(session);
    const isOutdated = isUse && outdated.has(passRow(hash));
    // The use by which it counts as a guest is that of another login, which may not be stored.
    const isStranger = !isUse && rights.passes.nextUse(hash, guest) !== undefined;
    const hasLeft = session.phase !== "new";
    if (isOutdated) releasePlace(hub, claim);
    else if (isUse && problem !== undefined) {
      rights.passes.giveBack(hash, guest);
      releasePlace(hub, claim);
    } else if (isUse && hasLeft && guest.length === 0 && hub.isAlone) {
      // Nobody could return with it. Other servers may already have counted further uses.
      rights.passes.giveBack(hash, guest);
      storeRights(hub);
    }
    if (hasLeft) return;
    if (problem !== undefined) return turnAway(hub, session, notStored(problem));
    // It was revoked meanwhile, here or at another server.
    if (!rights.passes.isValid(shown.hash, hub.stampMs)) return fail(hub, session, command);
    if (isOutdated || isStranger) return turnAway(hub, session, notStored(usedElsewhere));
    session.admit();
    enter();
  });
}

function ask(hub: HubState, session: Session, command: LoginCommand): void {
  const { door } = hub.options;
  if (session.dialect.asks !== true) {
    return turnAway(hub, session, closedText(door));
  }
  session.asked = command;
  const text = door.isMembersOnly
    ? "A pass for this server, or the password of your name"
    : "The password of this server";
  hub.send(session, { type: "question", text });
}

/** Refuses a login; guesses have already been counted. */
function fail(hub: HubState, session: Session, command: LoginCommand): void {
  const { serverPassword, pass: _pass, password: _password, ...again } = command;
  const { door } = hub.options;
  const isPass = door.isMembersOnly || serverPassword === undefined;
  const code = isPass ? "members-only" : "password-required";
  hub.log.info("login refused", { ...sessionFields(session), code });
  session.failedAttempts++;
  if (session.dialect.asks === true && session.failedAttempts < limits.attemptsPerSession) {
    return ask(hub, session, again);
  }
  turnAway(hub, session, { code, message: isPass ? passProblem(door, command) : wrongPassword });
}

const wrongPassword = "The password is wrong";

function passProblem(door: DoorOptions, { pass, serverPassword }: LoginCommand): string {
  if (pass !== undefined) {
    return "The pass is not valid: it was mistyped, is used up, or has expired";
  }
  // The page has one field for either, and a member may have left out the name.
  if (serverPassword !== undefined && door.checkPassword === undefined) {
    return (
      "This is not a valid pass, and the server has no password of its own: log in with a " +
      "member's name and password, or ask an operator for a pass"
    );
  }
  return closedText(door).message;
}
