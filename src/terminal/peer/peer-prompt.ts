// The prompt of `parley peer`: incoming lines appear above the line being edited. It has no label,
// and submitted lines stay on the screen. Knows no peer and no chat.

import { terminal as limits } from "../../limits.ts";
import { type Completion, shownChoices } from "../editor/completion.ts";
import type { Key } from "../editor/keys.ts";
import { Prompt, type PromptParts } from "../editor/prompt.ts";
import type { TtyUser } from "../output/tty.ts";
import { wrapItems, wrapText } from "../output/wrap.ts";

export type PeerPromptParts = PromptParts & {
  typed: (line: string) => void;
  /** Tab, with the text before the cursor. */
  complete: (before: string) => Completion;
  /** Ctrl-D on an empty line. */
  end: () => void;
  /** Ctrl-C. */
  interrupt: () => void;
  gone: () => void;
  suspend: () => void;
};

export class PeerPrompt implements TtyUser {
  readonly #parts: PeerPromptParts;
  readonly #prompt: Prompt;

  constructor(parts: PeerPromptParts) {
    this.#parts = parts;
    this.#prompt = new Prompt(parts, () => "");
  }

  /** Long lines wrap between words, with an indent: none can pose as two. */
  print(line: string): void {
    this.#prompt.print(wrapText(line, this.#prompt.area, { other: "  " }));
  }

  /** How far files are, in a row above the line; undefined: none are on their way. */
  showProgress(text: string | undefined): void {
    this.#prompt.showStatus(text);
  }

  keys(keys: readonly Key[]): void {
    for (const key of keys) this.#key(key);
  }

  resize(columns: number, rows: number): void {
    this.#prompt.resize(columns, rows);
  }

  hide(): void {
    this.#prompt.hide();
  }

  draw(): void {
    this.#prompt.draw();
  }

  gone(): void {
    this.#parts.gone();
  }

  #key(key: Key): void {
    const edit = this.#prompt.editor.apply(key);
    switch (edit.type) {
      case "edited":
        return this.#prompt.drawSoon();
      case "submit":
        this.print(edit.line);
        return this.#parts.typed(edit.line);
      case "interrupt":
        return this.#parts.interrupt();
      case "end":
        return this.#parts.end();
      case "clear":
        return this.#prompt.clear();
      case "suspend":
        return this.#parts.suspend();
      case "full":
        return this.#prompt.print([`A line has at most ${limits.maxTypedChars} characters`]);
      case "complete":
        return this.#complete();
      case "ignored":
        return;
    }
  }

  #complete(): void {
    const { editor } = this.#prompt;
    const before = editor.beforeCursor;
    const completion = this.#parts.complete(before);
    if (completion.before !== before) {
      editor.set(completion.before, editor.text.slice(before.length));
      return this.#prompt.drawSoon();
    }
    if (completion.choices.length === 0) return;
    this.#prompt.print(wrapItems(shownChoices(completion), this.#prompt.area, { gap: "  " }));
  }
}
