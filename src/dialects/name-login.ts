// Login for clients that have no login commands: the first message is the name and, if that name is
// registered, the next one is the password, which is shown to nobody. Knows no wire format and no
// hub.

import { rights as limits } from "../limits.ts";
import type { Command, LoginCommand, PersonalEvent } from "../chat/events.ts";

type Refusal = Extract<PersonalEvent, { type: "refused" }>;

export class NameLogin {
  #phase: "name" | "password" | "question" | "sent" = "name";
  /** The login whose name requires a password. */
  #command: LoginCommand | undefined;
  /** Passwords tried for that name. */
  #passwords = 0;

  /** The login is with the hub; later messages are not part of it. */
  get isSent(): boolean {
    return this.#phase === "sent";
  }

  /**
   * The command for a message that answers a question or is a password, whatever it looks like;
   * undefined: neither was asked for.
   */
  readAnswer(text: string): Command | undefined {
    if (this.#phase === "password") return this.#withPassword(text);
    if (this.#phase !== "question") return undefined;
    this.#phase = "sent";
    return { type: "answer", text };
  }

  /** The hub asks a question before it continues with the login. */
  handleQuestion(): void {
    this.#phase = "question";
  }

  /** The login command for a name. */
  withName(command: LoginCommand): LoginCommand {
    this.#phase = "sent";
    this.#command = command;
    this.#passwords = 0;
    return command;
  }

  /** The same login again, now with a password. */
  #withPassword(password: string): LoginCommand {
    const { name = "", ...command } = this.#command ?? { type: "login" as const };
    this.#phase = "sent";
    this.#passwords++;
    // `#command` keeps no copy of the password.
    return { ...command, name, password };
  }

  /**
   * Returns what to ask for after a refusal. If a password was wrong or was not checked, ask for
   * the password again: otherwise a password that is typed once more would become a name.
   */
  handleRefusal({ asksPassword, code }: Refusal): "name" | "password" {
    const isRetry = this.#passwords > 0 && this.#passwords < limits.attemptsPerSession;
    const isAboutIt = code === "wrong-password" || code === "rate";
    this.#phase = asksPassword === true || (isRetry && isAboutIt) ? "password" : "name";
    return this.#phase;
  }
}
