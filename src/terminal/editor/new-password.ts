// Asks for a new password at the prompt, twice and without echo. Knows no session.

import { passwords as passwordLimits } from "../../limits.ts";
import type { Edit } from "./line-editor.ts";

export class NewPassword {
  readonly #show: (label: string | undefined) => void;
  readonly #say: (text: string) => void;
  readonly #done: (password: string) => void;
  #step: "none" | "first" | "second" = "none";
  #first = "";

  /**
   * `show` shows the label of a secret, or the ordinary line again; `done` receives the password.
   */
  constructor(
    show: (label: string | undefined) => void,
    say: (text: string) => void,
    done: (password: string) => void,
  ) {
    this.#show = show;
    this.#say = say;
    this.#done = done;
  }

  ask(): void {
    this.#step = "first";
    this.#show("New password (not shown; Ctrl-C stops): ");
  }

  /** Handles an edit while a password is being typed. Returns whether one is. */
  takes(edit: Edit): boolean {
    if (this.#step === "none") return false;
    this.#handle(edit);
    return true;
  }

  #handle(edit: Edit): void {
    if (edit.type === "interrupt" || edit.type === "end") return this.#stop("No password was set");
    if (edit.type === "submit") this.#take(edit.line);
  }

  #take(password: string): void {
    if (this.#step === "second") {
      if (password !== this.#first) return this.#stop("The passwords differ: none was set");
      this.#stop(undefined);
      return this.#done(password);
    }
    const { minChars: min, maxChars: max } = passwordLimits;
    if (password.length < min || password.length > max) {
      return this.#stop(`A password has ${min} to ${max} characters: none was set`);
    }
    this.#step = "second";
    this.#first = password;
    this.#show("Repeat it: ");
  }

  #stop(why: string | undefined): void {
    this.#step = "none";
    this.#first = "";
    this.#show(undefined);
    if (why !== undefined) this.#say(why);
  }
}
