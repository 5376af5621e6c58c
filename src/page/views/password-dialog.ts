// The dialog for a new password, which registers a name or protects it. It stays open, with the
// reason, until the server accepts a password. The password is only in its fields.

import { passwords as passwordLimits } from "../../limits.ts";
import { byId, dialogById, setProblem, setText } from "../dom.ts";
import type { State } from "../state.ts";

export class PasswordDialog {
  readonly #dialog: HTMLDialogElement;
  readonly #title = byId("password-title", HTMLElement);
  readonly #name = byId("password-name", HTMLInputElement);
  readonly #password = byId("new-password", HTMLInputElement);
  readonly #repeated = byId("new-password-again", HTMLInputElement);
  readonly #hint = byId("password-hint", HTMLElement);
  readonly #problem = byId("password-problem", HTMLElement);

  constructor(actions: {
    choose: (password: string) => void;
    refuse: (problem: string) => void;
    close: () => void;
  }) {
    this.#password.minLength = passwordLimits.minChars;
    for (const field of [this.#password, this.#repeated]) {
      field.maxLength = passwordLimits.maxChars;
    }
    this.#dialog = dialogById("password-dialog", () => actions.close());
    byId("password-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const { value } = this.#password;
      if (value !== this.#repeated.value) return actions.refuse("The two passwords differ.");
      actions.choose(value);
    });
  }

  render({ choosing, name }: State): void {
    const isWanted = choosing !== undefined;
    setProblem(this.#password, this.#problem, choosing?.problem ?? "");
    if (isWanted === this.#dialog.open) return;
    this.#password.value = "";
    this.#repeated.value = "";
    if (!isWanted) return this.#dialog.close();
    const isNew = choosing.purpose === "register";
    setText(this.#title, isNew ? `Make ${name} your name` : `A new password for ${name}`);
    const length = `At least ${passwordLimits.minChars} characters.`;
    setText(this.#hint, isNew ? `${length} Nobody else can have the name from then on.` : length);
    this.#name.value = name;
    this.#dialog.showModal();
    this.#password.focus();
  }
}
