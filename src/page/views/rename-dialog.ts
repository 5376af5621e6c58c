// The dialog to change the user's name. It stays open, with the reason, until the server accepts a
// name.

import { byId, dialogById, setProblem } from "../dom.ts";
import type { State } from "../state.ts";

export class RenameDialog {
  readonly #dialog: HTMLDialogElement;
  readonly #name = byId("new-name", HTMLInputElement);
  readonly #problem = byId("rename-problem", HTMLElement);

  constructor(actions: { rename: (name: string) => void; close: () => void }) {
    this.#dialog = dialogById("rename-dialog", () => actions.close());
    byId("rename-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.#name.value.trim();
      if (name !== "") actions.rename(name);
    });
  }

  render({ renaming, name }: State): void {
    const isWanted = renaming !== undefined;
    setProblem(this.#name, this.#problem, renaming?.problem ?? "");
    if (isWanted === this.#dialog.open) return;
    if (!isWanted) return this.#dialog.close();
    this.#name.value = name;
    this.#dialog.showModal();
    this.#name.select();
  }
}
