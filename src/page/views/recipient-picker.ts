// The recipients of the next message: everyone in the room, or chosen people. During a private chat
// it shows the partner and is disabled.

import { drawAvatar } from "../avatar.ts";
import { byId, h, setText } from "../dom.ts";
import { currentDraft, shownRoom, type State } from "../state.ts";

export class RecipientPicker {
  readonly #form = byId("composer", HTMLFormElement);
  readonly #button = byId("recipients", HTMLButtonElement);
  readonly #text = byId("recipients-text", HTMLElement);
  readonly #list = byId("recipient-list", HTMLFieldSetElement);
  readonly #everyone = byId("recipient-everyone", HTMLInputElement);
  readonly #people = byId("recipient-people", HTMLUListElement);
  readonly #choose: (to: readonly string[]) => void;
  #rendered: State | undefined;

  constructor(choose: (to: readonly string[]) => void) {
    this.#choose = choose;
    this.#button.addEventListener("click", () => this.#toggle(this.#list.hidden === true));
    this.#everyone.addEventListener("change", () => {
      this.#everyone.checked = true;
      choose([]);
    });
    this.#form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#list.hidden) return;
      event.stopPropagation();
      this.#toggle(false);
      this.#button.focus();
    });
    document.addEventListener("pointerdown", (event) => {
      const { target } = event;
      const isInside =
        target instanceof Node && this.#button.parentElement?.contains(target) === true;
      if (!isInside) this.#toggle(false);
    });
  }

  render(state: State): void {
    const last = this.#rendered;
    this.#rendered = state;
    const { chat } = state;
    const { recipients } = currentDraft(state);
    const chosen = chat.partner === undefined ? recipients : [chat.partner];
    setText(this.#text, chosen.length > 0 ? chosen.join(", ") : "Everyone");
    this.#form.classList.toggle("private", chosen.length > 0);
    this.#button.disabled = chat.partner !== undefined;
    if (chat.partner !== undefined) this.#toggle(false);
    if (this.#list.hidden) return;
    const isSame =
      last !== undefined &&
      currentDraft(last).recipients === recipients &&
      shownRoom(last)?.people === shownRoom(state)?.people;
    if (!isSame) this.#renderChoices(state);
  }

  #toggle(isOpen: boolean): void {
    if (this.#list.hidden !== isOpen) return;
    if (isOpen && this.#rendered !== undefined) this.#renderChoices(this.#rendered);
    this.#list.hidden = !isOpen;
    this.#button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.#everyone.focus();
  }

  #renderChoices(state: State): void {
    const { name: self } = state;
    const { recipients } = currentDraft(state);
    const focused =
      document.activeElement instanceof HTMLInputElement ? document.activeElement.value : "";
    this.#everyone.checked = recipients.length === 0;
    const people = shownRoom(state)?.people ?? [];
    // A recipient may have left the room.
    const names = new Set([...people, ...recipients].filter((name) => name !== self));
    this.#people.replaceChildren(...Array.from(names, (name) => this.#choice(name, recipients)));
    for (const box of this.#people.querySelectorAll("input")) {
      if (box.value === focused) box.focus();
    }
  }

  #choice(name: string, recipients: readonly string[]): HTMLLIElement {
    const box = h("input", { type: "checkbox", value: name });
    box.checked = recipients.includes(name);
    box.addEventListener("change", () => {
      const others = recipients.filter((other) => other !== name);
      this.#choose(box.checked ? [...others, name] : others);
    });
    return h("li", {}, h("label", { class: "choice" }, box, drawAvatar(name), h("span", {}, name)));
  }
}
