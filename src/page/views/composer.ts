// The field for messages and commands, with the reason why something was not sent.

import { message as limits } from "../../limits.ts";
import { byId, setProblem } from "../dom.ts";
import { currentDraft, type State } from "../state.ts";

export type ComposerActions = {
  write: (text: string) => void;
  /** Shows why the text was not taken. */
  refuse: (problem: string) => void;
  submit: () => void;
};

/**
 * Longer text is kept out of the field: hardly anybody would shorten it to what can be sent, and
 * with a million characters every keystroke takes a browser a second.
 */
const maxPastedChars = 4 * limits.maxTextChars;

export const onScreenKeyboard = matchMedia("(hover: none) and (pointer: coarse)");

export class Composer {
  readonly #form = byId("composer", HTMLFormElement);
  readonly #text = byId("text", HTMLTextAreaElement);
  readonly #send = byId("send", HTMLButtonElement);
  readonly #problem = byId("send-problem", HTMLElement);
  readonly #actions: ComposerActions;
  #fitted = "";

  constructor(actions: ComposerActions) {
    this.#actions = actions;
    if (onScreenKeyboard.matches) this.#text.enterKeyHint = "enter";
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
      // An on-screen keyboard has no Shift+Enter, and the button is close.
      if (onScreenKeyboard.matches) return;
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("beforeinput", (event) => {
      const chars = event.data?.length ?? 0;
      if (chars <= maxPastedChars) return;
      event.preventDefault();
      actions.refuse(
        `The text has ${chars} characters, and a message at most ${limits.maxTextChars}: send it as a file.`,
      );
    });
    this.#text.addEventListener("input", () => actions.write(this.#text.value));
  }

  focus(): void {
    this.#text.focus();
  }

  render(state: State): void {
    const { text, recipients } = currentDraft(state);
    const isOffline = state.phase === "offline";
    this.#text.disabled = isOffline;
    this.#send.disabled = isOffline;
    this.#text.placeholder = placeholderOf(state, recipients);
    setProblem(this.#text, this.#problem, state.composerProblem);
    if (this.#text.value !== text) this.#text.value = text;
    this.#fit();
  }

  /** As high as its text, up to the style sheet's limit. */
  #fit(): void {
    if (CSS.supports("field-sizing", "content") || this.#text.value === this.#fitted) return;
    this.#fitted = this.#text.value;
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }

  #submit(): void {
    this.#actions.submit();
    this.#text.focus();
  }
}

/**
 * Whether the key belongs to an input method. Safari ends the composition before it reports the
 * Enter that accepts it, with the key code of a composition.
 */
export function isComposing({ isComposing, keyCode }: KeyboardEvent): boolean {
  return isComposing || keyCode === 229;
}

function placeholderOf({ chat, shown }: State, recipients: readonly string[]): string {
  if (chat.partner !== undefined) return `Write to ${chat.partner} privately`;
  if (recipients.length > 0) return `Write to ${recipients.join(", ")} privately`;
  return shown === undefined ? "Join a room to talk" : `Write to ${shown}`;
}
