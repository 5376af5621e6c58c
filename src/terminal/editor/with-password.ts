// Asks on the terminal for a password that a server requires and no file provided: the server's
// own, or that of a registered name. It is never sent over plain text beyond loopback, and to a
// server that was met for the first time just now only if the user confirms.

import { isLoopback } from "../../addresses.ts";
import { NamePasswordWanted, ParleyError } from "../../errors.ts";
import { hostPortText, type ServerAddress } from "../../io/host-port.ts";
import { rights as limits } from "../../limits.ts";
import { askSecret, askYes, canAsk } from "./ask-secret.ts";
import { fail } from "../output/diagnostics.ts";

/** The credentials of an attempt. */
export type Shown = {
  to: ServerAddress;
  /** The password of the name. */
  password: string | undefined;
};

/** Where questions go; a fake in tests. */
export type Asker = {
  canAsk: () => boolean;
  secret: (question: string) => Promise<string | undefined>;
  yes: (question: string) => Promise<boolean>;
};

const terminal: Asker = { canAsk, secret: askSecret, yes: askYes };

/**
 * Makes attempts until one succeeds or fails for a reason other than a missing or wrong password.
 * @throws ParleyError what the last attempt threw
 */
export async function withPassword<T>(
  given: Shown,
  attempt: (shown: Shown) => Promise<T>,
  asker: Asker = terminal,
): Promise<T> {
  let shown = given;
  let isAgreed = false;
  for (let asked = 0; ; asked++) {
    try {
      return await attempt(shown);
    } catch (error) {
      const question = questionAfter(error, given, shown);
      if (question === undefined || asked >= limits.attemptsPerSession || !asker.canAsk()) {
        throw error;
      }
      if (asked > 0) fail((error as ParleyError).message);
      isAgreed ||= await mayHavePassword(given.to, asker);
      const answer = isAgreed ? await asker.secret(question.text) : undefined;
      if (answer === undefined) throw error;
      shown = question.add(shown, answer);
    }
  }
}

/** For a connection that proves a name without taking it. */
export function withNamePassword(to: ServerAddress, password: string | undefined): ServerAddress {
  return to.visitor === undefined ? to : { ...to, visitor: { ...to.visitor, password } };
}

type Question = { text: string; add: (shown: Shown, answer: string) => Shown };

function questionAfter(error: unknown, given: Shown, shown: Shown): Question | undefined {
  if (!(error instanceof ParleyError)) return undefined;
  const where = hostPortText(given.to);
  if (error.code === "password-required" && given.to.access?.serverPassword === undefined) {
    const add = (shown: Shown, serverPassword: string): Shown => ({
      ...shown,
      to: { ...shown.to, access: { ...shown.to.access, serverPassword } },
    });
    return { text: `Password of the server ${where}: `, add };
  }
  const isWrong = error.code === "wrong-password" && shown.password !== given.password;
  if (given.password !== undefined || !(isWrong || error instanceof NamePasswordWanted)) {
    return undefined;
  }
  const whose = error instanceof NamePasswordWanted ? `the name ${error.wantedBy}` : "the name";
  return {
    text: `Password of ${whose} at ${where}: `,
    add: (shown, password) => ({ ...shown, password }),
  };
}

/** @throws ParleyError `usage` if everybody on the path could read it */
async function mayHavePassword({ trust, ...to }: ServerAddress, asker: Asker): Promise<boolean> {
  if (trust === undefined && !isLoopback(to.host)) {
    const sentence =
      "--plain would expose the password to everybody on the network path: leave it out";
    throw new ParleyError("usage", sentence);
  }
  if (trust?.isNew !== true) return true;
  const met = `${hostPortText(to)} is a new server; its key is ${trust.pin}`;
  return await asker.yes(
    `${met}. Has its operator confirmed that key, and may it receive a password?`,
  );
}
