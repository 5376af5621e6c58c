// New passwords, and the tokens issued to browsers for a password.

import { passwords as passwordLimits } from "../../limits.ts";
import type { Account } from "./account-store.ts";
import type { Ref } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { reject } from "../rejections.ts";
import type { Session } from "../session.ts";

/**
 * Hashes a new password chosen by the session. `then` is not called if the password is invalid or
 * the session has left meanwhile.
 */
export function hashNew(
  hub: HubState,
  session: Session,
  password: string,
  ref: Ref | undefined,
  then: (hash: string) => void,
): void {
  const problem = passwordProblem(password);
  if (problem !== undefined) return reject(hub, session, "wrong-password", problem, { ref });
  session.queue.block();
  hub.options.credentials.hashPassword(password, session.peer.address, (hash) => {
    hub.unblock(session);
    if (hash === undefined) {
      const message = "Too many passwords are being set at the moment: try again";
      reject(hub, session, "rate", message, { ref });
    } else if (session.phase === "member") then(hash);
  });
}

function passwordProblem(password: string): string | undefined {
  const min = passwordLimits.minChars;
  const max = passwordLimits.maxChars;
  if (password.length >= min && password.length <= max) return undefined;
  return `A password has ${min} to ${max} characters, not ${password.length}`;
}

/**
 * Issues a token for the account with that password; `then` gets undefined if it could not be
 * stored.
 */
export function giveToken(
  hub: HubState,
  session: Session,
  { id: account, password }: Pick<Account, "id" | "password">,
  then: (token: string | undefined) => void,
): void {
  const token = hub.options.newSecret();
  const hash = hub.options.hashSecret(token);
  const about = { account, password, atMs: hub.stampMs };
  const change = { type: "add-token", token: hash, ...about } as const;
  hub.store.ask({ type: "change-account", change }, (outcome) => {
    const isKept = outcome.done && outcome.result.done;
    if (isKept) session.prove({ token: hash });
    then(isKept ? token : undefined);
    hub.wake();
  });
}

/** The session's token is no longer valid. */
export function forgetToken(hub: HubState, { proven }: Session): void {
  const { account, token } = proven;
  if (account === undefined || token === undefined) return;
  const change = { type: "remove-token", account, token, atMs: hub.stampMs } as const;
  hub.store.ask({ type: "change-account", change }, (outcome) => {
    if (!outcome.done) hub.log.warn(outcome.error.message);
  });
  hub.wake();
}
