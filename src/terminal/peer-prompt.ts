// The prompt of `parley peer`: incoming lines appear above the line being edited. It has no label,
// and submitted lines stay on the screen. Knows no peer and no chat.

import { terminal as limits } from "../limits.ts";
import type { Key } from "./keys.ts";
import { Prompt, type PromptParts } from "./prompt.ts";
import type { TtyUser } from "./tty.ts";

export type PeerPromptParts = PromptParts & {
  typed: (line: string) => void;
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

  print(line: string): void {
    this.#prompt.print([line]);
  }

  /** How far files are, in a row above the line; undefined: none are on their way. */
  showProgress(text: string | undefined): void {
    this.#prompt.status = text;
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
        this.#prompt.print([edit.line]);
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
      case "ignored":
        return;
    }
  }
}
