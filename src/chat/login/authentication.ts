// Whether a login under a registered name comes from its owner: proved by the key of one of its
// devices, by a session token, or by the password.

import { passwords as passwordLimits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import type { Account } from "../accounts/account-store.ts";
import type { LoginCommand } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import type { LoginRefusal } from "../refusal.ts";
import type { Session } from "../session.ts";

/** The accounts that the store has found for a login. */
export type Found = {
  /** The account that owns the name. */
  readonly owner: Account;
  /** The accounts that the proved key and the token belong to. */
  readonly ofKey: Account | undefined;
  readonly ofToken: Account | undefined;
};

/** Calls `then` exactly once, synchronously or later: `refusal` is undefined if it does. */
export function authenticate(
  hub: HubState,
  session: Session,
  command: LoginCommand,
  { owner, ofKey, ofToken }: Found,
  then: (refusal: LoginRefusal | undefined) => void,
): void {
  const isProven = session.proven.account === owner.id;
  if (isProven || ofKey?.id === owner.id || ofToken?.id === owner.id) return then(undefined);
  const { password } = command;
  if (password === undefined) return then(registered(owner));
  checkPassword(hub, session, owner, password, then);
}

function registered({ name, password }: Account): LoginRefusal {
  const asksPassword = password !== undefined;
  const way = asksPassword ? "" : ", and only its owner's devices can log in with it";
  const message = `The name ${quoted(name)} is registered${way}`;
  return { code: "name-registered", message, asksPassword };
}

function checkPassword(
  hub: HubState,
  session: Session,
  owner: Account,
  password: string,
  then: (refusal: LoginRefusal | undefined) => void,
): void {
  const { name } = owner;
  const { address } = session.peer;
  const waitMs = hub.guessRates.take(address, owner.id, hub.nowMs);
  if (waitMs > 0) return then(tooManyGuesses(name, waitMs));
  if (owner.password === undefined) return then(registered(owner));
  if (password.length > passwordLimits.maxChars) return then(wrong(name));
  hub.options.credentials.checkPassword(password, owner.password, address, (isRight) => {
    if (isRight === true) {
      hub.guessRates.wasRight(address, owner.id, hub.nowMs);
      then(undefined);
    } else then(isRight === false ? wrong(name) : busy);
    hub.wake();
  });
}

function wrong(name: string): LoginRefusal {
  return { code: "wrong-password", message: `This is not the password of ${quoted(name)}` };
}

/** The refusal of a guess that exceeds the rate; the password is not checked. */
export function tooManyGuesses(name: string, retryAfterMs: number): LoginRefusal {
  const seconds = Math.ceil(retryAfterMs / 1_000);
  const message = `Too many passwords for ${quoted(name)} or from your network: try again in ${seconds} s`;
  return { code: "rate", message, retryAfterMs };
}

const busyMs = 2_000;
export const busy: LoginRefusal = {
  code: "rate",
  message: "Too many passwords are being checked at the moment: try again",
  retryAfterMs: busyMs,
};
