// The recipients of the next message: everyone in the room, or chosen people, who can be found by a
// part of their names where there are many. During a private chat it shows the partner and is
// disabled.

import { comparable } from "../../composed.ts";
import { drawAvatar } from "../avatar.ts";
import { byId, h, setText } from "../dom.ts";
import { currentDraft, shownRoom, type State } from "../state.ts";
import { isComposing, onScreenKeyboard } from "./composer.ts";

/** More people than this don't fit into the list at once. */
const maxUnsearched = 8;

export class RecipientPicker {
  readonly #form = byId("composer", HTMLFormElement);
  readonly #button = byId("recipients", HTMLButtonElement);
  readonly #text = byId("recipients-text", HTMLElement);
  readonly #list = byId("recipient-list", HTMLFieldSetElement);
  readonly #finder = byId("recipient-finder", HTMLElement);
  readonly #find = byId("recipient-find", HTMLInputElement);
  readonly #nobody = byId("recipient-nobody", HTMLElement);
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
    this.#find.addEventListener("input", () => this.#renderAgain());
    this.#find.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || isComposing(event)) return;
      // Or else it would send the message.
      event.preventDefault();
      this.#chooseFound();
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
    this.#find.value = "";
    if (isOpen) this.#renderAgain();
    this.#list.hidden = !isOpen;
    this.#button.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return;
    // On a phone the keyboard would cover half of the list.
    const isTyped = !this.#finder.hidden && !onScreenKeyboard.matches;
    (isTyped ? this.#find : this.#everyone).focus();
  }

  /** Chooses the first person found, or goes on to the message. */
  #chooseFound(): void {
    if (this.#find.value.trim() === "") {
      this.#toggle(false);
      byId("text", HTMLTextAreaElement).focus();
      return;
    }
    const first = this.#people.querySelector("input");
    if (first === null) return;
    this.#find.value = "";
    if (first.checked) this.#renderAgain();
    else first.click();
  }

  #renderAgain(): void {
    if (this.#rendered !== undefined) this.#renderChoices(this.#rendered);
  }

  #renderChoices(state: State): void {
    const { name: self } = state;
    const { recipients } = currentDraft(state);
    const { activeElement } = document;
    const isChoosing =
      activeElement instanceof HTMLInputElement && this.#people.contains(activeElement);
    const focused = isChoosing ? activeElement.value : "";
    this.#everyone.checked = recipients.length === 0;
    const people = shownRoom(state)?.people ?? [];
    // A recipient may have left the room.
    const names = new Set([...people, ...recipients].filter((name) => name !== self));
    this.#finder.hidden = names.size <= maxUnsearched;
    const found = this.#finder.hidden ? [...names] : namesWith(this.#find.value, names);
    this.#people.replaceChildren(...found.map((name) => this.#choice(name, recipients)));
    setText(this.#nobody, found.length > 0 || names.size === 0 ? "" : "Nobody has that name");
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

/** Those that contain `part`, as names are compared; those that begin with it first. */
function namesWith(part: string, names: Iterable<string>): readonly string[] {
  const wanted = comparable(part.trim());
  const found = Array.from(names).filter((name) => comparable(name).includes(wanted));
  const isBeginning = (name: string): boolean => comparable(name).startsWith(wanted);
  return [...found.filter(isBeginning), ...found.filter((name) => !isBeginning(name))];
}
