// A prompt that is written on while lines come in above it: what terminal client and peer have in common. Joins the line editor and
// the screen, and draws once for all that happens together. Knows no tty, session or command.

import { harmless } from "../text.ts";
import { terminal as limits } from "../limits.ts";
import { LineEditor } from "./line-editor.ts";
import { type Prompt as Shown, PromptScreen, type Width } from "./prompt-screen.ts";
import type { Page } from "./wrap.ts";

export type PromptParts = {
  write: (text: string) => void;
  /** Calls back once the events and keys that are there now have been dealt with. */
  soon: (draw: () => void) => void;
  width: Width;
  columns: number;
  rows: number;
};

export class Prompt {
  readonly editor = new LineEditor(limits.maxTypedChars);
  readonly #parts: PromptParts;
  readonly #label: (columns: number) => string;
  readonly #screen: PromptScreen;
  #status: string | undefined;
  // Lines that are drawn together: a busy room would else cost a prompt a line.
  #lines: string[] = [];
  #drawing = false;
  #hidden = false;

  /** `label` answers what stands before the line that is written, on a terminal of so many columns. */
  constructor(parts: PromptParts, label: (columns: number) => string) {
    this.#parts = parts;
    this.#label = label;
    this.#screen = new PromptScreen(parts.width, parts.columns, parts.rows);
  }

  /** What lines for people are broken to. */
  get page(): Page {
    return { columns: this.#screen.columns, width: this.#parts.width };
  }

  /** A row above the prompt that stays, or none. */
  set status(text: string | undefined) {
    this.#status = text;
    this.drawSoon();
  }

  /** Lines above the prompt, which may be longer than a row. */
  print(lines: readonly string[]): void {
    this.#lines.push(...lines);
    this.drawSoon();
  }

  drawSoon(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    this.#parts.soon(() => this.#flush());
  }

  resize(columns: number, rows: number): void {
    if (this.#hidden) return;
    this.#parts.write(this.#screen.resize(columns, rows, () => this.#shown()));
  }

  /** An empty screen with the prompt on top. */
  clear(): void {
    this.#parts.write(this.#screen.clear());
    this.drawSoon();
  }

  /** Draws it, as it is or anew after something else has used the terminal. */
  draw(): void {
    this.#hidden = false;
    this.drawSoon();
  }

  /** Takes it away until `draw`; what comes meanwhile waits. */
  hide(): void {
    this.#flush();
    this.#hidden = true;
    this.#parts.write(this.#screen.hide());
  }

  #flush(): void {
    this.#drawing = false;
    if (this.#hidden) return;
    const prompt = this.#shown();
    const lines = this.#lines.splice(0);
    const screen = this.#screen;
    this.#parts.write(lines.length === 0 ? screen.update(prompt) : screen.print(lines, prompt));
  }

  #shown(): Shown {
    const { list, cursor } = this.editor.characters;
    const status = this.#status === undefined ? [] : [this.#status];
    return {
      status,
      label: this.#label(this.#screen.columns),
      characters: list.map(visible),
      cursor,
    };
  }
}

// Tab puts names of files into the line as they are, controls and all; the terminal must not see those.
function visible(character: string): string {
  return harmless(character) === character ? character : "\ufffd";
}
