// Where one writes: to whom, what, and why it did not go.

import type { Unsayable } from "../client/events.ts";
import { message } from "../limits.ts";
import { drawAvatar } from "./avatar.ts";
import { byId, h, setText } from "./dom.ts";
import type { State } from "./state.ts";

export type ComposerActions = {
  send: (text: string) => number | Unsayable;
  choose: (to: readonly string[]) => void;
};

/** Lines that one sends at once, so that a paste by mistake does not flood the room. */
const maxLines = 20;

const problems: Readonly<Record<Unsayable, string>> = {
  "too-long": `A message has at most ${message.maxTextChars} characters.`,
  "queue-full": "Too many messages wait for the connection. Try again in a moment.",
  ended: "You are not connected.",
  "no-recipient": "Choose who hears it.",
};

export class Composer {
  readonly #form = byId("composer", HTMLFormElement);
  readonly #text = byId("text", HTMLTextAreaElement);
  readonly #send = byId("send", HTMLButtonElement);
  readonly #problem = byId("send-problem", HTMLElement);
  readonly #to = byId("to", HTMLButtonElement);
  readonly #toText = byId("to-text", HTMLElement);
  readonly #list = byId("to-list", HTMLFieldSetElement);
  readonly #all = byId("to-all", HTMLInputElement);
  readonly #people = byId("to-people", HTMLUListElement);
  readonly #actions: ComposerActions;
  #shown: State | undefined;

  constructor(actions: ComposerActions) {
    this.#actions = actions;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#to.addEventListener("click", () => this.#open(this.#list.hidden === true));
    this.#all.addEventListener("change", () => {
      this.#all.checked = true;
      this.#actions.choose([]);
    });
    this.#form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#list.hidden) return;
      event.stopPropagation();
      this.#open(false);
      this.#to.focus();
    });
    document.addEventListener("pointerdown", (event) => {
      const isInside =
        event.target instanceof Node && this.#to.parentElement?.contains(event.target);
      if (isInside !== true) this.#open(false);
    });
  }

  focus(): void {
    this.#text.focus();
  }

  render(state: State): void {
    const shown = this.#shown;
    this.#shown = state;
    const { partner } = state.chat;
    setText(this.#toText, partner ?? (state.to.length > 0 ? state.to.join(", ") : "Everyone"));
    this.#form.classList.toggle("aimed", partner !== undefined || state.to.length > 0);
    this.#to.disabled = partner !== undefined;
    if (partner !== undefined) this.#open(false);
    const isOut = state.phase === "out";
    this.#text.disabled = isOut;
    this.#send.disabled = isOut;
    this.#text.placeholder =
      partner === undefined
        ? `Write to ${state.to.length > 0 ? "them alone" : state.room}`
        : `Write to ${partner} alone`;
    if (!this.#list.hidden && (shown?.people !== state.people || shown.to !== state.to)) {
      this.#drawChoices(state);
    }
  }

  #open(isOpen: boolean): void {
    if (this.#list.hidden !== isOpen) return;
    if (isOpen && this.#shown !== undefined) this.#drawChoices(this.#shown);
    this.#list.hidden = !isOpen;
    this.#to.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.#all.focus();
  }

  #drawChoices(state: State): void {
    const focused =
      document.activeElement instanceof HTMLInputElement ? document.activeElement.value : "";
    this.#all.checked = state.to.length === 0;
    this.#people.replaceChildren(
      ...state.people
        .filter((name) => name !== state.name)
        .map((name) => this.#choice(name, state.to)),
    );
    for (const box of this.#people.querySelectorAll("input"))
      if (box.value === focused) box.focus();
  }

  #choice(name: string, to: readonly string[]): HTMLLIElement {
    const box = h("input", { type: "checkbox", value: name });
    box.checked = to.includes(name);
    box.addEventListener("change", () => {
      const others = to.filter((other) => other !== name);
      this.#actions.choose(box.checked ? [...others, name] : others);
    });
    return h("li", {}, h("label", { class: "choice" }, box, drawAvatar(name), h("span", {}, name)));
  }

  /** A message is one line: what has several goes as several, and what did not go stays in the field. */
  #submit(): void {
    const lines = this.#text.value.split(/\r\n|[\r\n]/).filter((line) => line.trim() !== "");
    let problem = lines.length > maxLines ? `At most ${maxLines} lines go at once.` : "";
    while (lines.length > 0 && problem === "") {
      const result = this.#actions.send(lines[0] ?? "");
      if (typeof result === "number") lines.shift();
      else problem = problems[result];
    }
    setText(this.#problem, problem);
    if (problem === "") this.#text.value = "";
    else if (lines.length <= maxLines) this.#text.value = lines.join("\n");
    this.#text.focus();
  }
}
