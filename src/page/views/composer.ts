// Where messages and commands are typed, and why one was not sent.

import { isCommand } from "../commands.ts";
import { byId, setProblem } from "../dom.ts";
import { shownRoom, type State } from "../state.ts";

export type ComposerActions = {
  /** Sends or carries out one line. Returns why it can't be, or nothing. */
  submit: (line: string) => string | undefined;
  draft: (text: string) => void;
  problem: (problem: string) => void;
};

/** Lines that can be sent at once, so that an accidental paste does not flood the room. */
const maxLines = 20;

export class Composer {
  readonly #form = byId("composer", HTMLFormElement);
  readonly #text = byId("text", HTMLTextAreaElement);
  readonly #send = byId("send", HTMLButtonElement);
  readonly #problem = byId("send-problem", HTMLElement);
  readonly #actions: ComposerActions;
  #room: string | undefined;

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
    this.#text.addEventListener("input", () => actions.draft(this.#text.value));
  }

  focus(): void {
    this.#text.focus();
  }

  render(state: State): void {
    const isOffline = state.phase === "offline";
    this.#text.disabled = isOffline;
    this.#send.disabled = isOffline;
    this.#text.placeholder = placeholderOf(state);
    setProblem(this.#text, this.#problem, state.composerProblem);
    if (state.shown === this.#room) return;
    this.#room = state.shown;
    this.#text.value = shownRoom(state)?.draft ?? "";
  }

  /** Every line is a message of its own; what could not be sent stays in the field. */
  #submit(): void {
    const lines = this.#text.value.split(/\r\n|[\r\n]/).filter((line) => line.trim() !== "");
    this.#text.focus();
    const refusal = refusalOf(lines);
    if (refusal !== undefined) return this.#actions.problem(refusal);
    // Emptied first: a command may show another room, which has a draft of its own.
    this.#setText("");
    for (const [i, line] of lines.entries()) {
      const problem = this.#actions.submit(line);
      if (problem === undefined) continue;
      this.#setText(lines.slice(i).join("\n"));
      return this.#actions.problem(problem);
    }
  }

  #setText(text: string): void {
    this.#text.value = text;
    this.#actions.draft(text);
  }
}

function refusalOf(lines: readonly string[]): string | undefined {
  if (lines.length > maxLines) return `At most ${maxLines} lines can be sent at once.`;
  // A pasted text must not carry out commands that happen to be in it.
  const command = lines.length > 1 ? lines.find(isCommand) : undefined;
  if (command === undefined) return undefined;
  return "A line starts with /. Send commands one at a time, or start the line with // to send it as text.";
}

function placeholderOf({ chat, recipients, shown }: State): string {
  if (chat.partner !== undefined) return `Write to ${chat.partner} privately`;
  if (recipients.length > 0) return `Write to ${recipients.join(", ")} privately`;
  return shown === undefined ? "Join a room to talk" : `Write to ${shown}`;
}
