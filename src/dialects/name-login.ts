// Logging in where a client has no words for it: its first message is its name, and if the name is
// registered, its next one is the password, which nobody else sees. Knows no wire format and no hub.

import { rights as limits } from "../limits.ts";
import type { Command, LoginCommand, PersonalEvent } from "../chat/events.ts";

type Refusal = Extract<PersonalEvent, { type: "refused" }>;

export class NameLogin {
  #phase: "name" | "password" | "question" | "sent" = "name";
  /** The login whose name needs a password. */
  #command: LoginCommand | undefined;
  /** Passwords sent for that name. */
  #passwords = 0;

  /** The hub has been asked: what follows is not part of the login. */
  get isSent(): boolean {
    return this.#phase === "sent";
  }

  /** The next message is a password, whatever it looks like. */
  get awaitsPassword(): boolean {
    return this.#phase === "password";
  }

  /** The next message answers the hub's question, whatever it looks like. */
  get isAsked(): boolean {
    return this.#phase === "question";
  }

  /** The hub asks something before it goes on with the login. */
  handleQuestion(): void {
    this.#phase = "question";
  }

  /** The answer that was read. */
  answer(text: string): Command {
    this.#phase = "sent";
    return { type: "answer", text };
  }

  /** The login for the name that was read. */
  withName(command: LoginCommand): LoginCommand {
    this.#phase = "sent";
    this.#command = command;
    this.#passwords = 0;
    return command;
  }

  /** The same login with the password that was read. */
  withPassword(password: string): LoginCommand {
    const { name = "", ...command } = this.#command ?? { type: "login" as const };
    this.#phase = "sent";
    this.#passwords++;
    // Once it is answered, nobody needs it any more.
    return { ...command, name, password };
  }

  /**
   * The hub refused: returns what to ask for next. After a password that was not right, or not looked
   * at, that is the password again: who types it once more must not enter under it as a name.
   */
  handleRefusal({ asksPassword, code }: Refusal): "name" | "password" {
    const isRetry = this.#passwords > 0 && this.#passwords < limits.attemptsPerSession;
    const isAboutIt = code === "wrong-password" || code === "rate";
    this.#phase = asksPassword === true || (isRetry && isAboutIt) ? "password" : "name";
    return this.#phase;
  }
}
