// A prompt on which a line is edited while others come in above it, for the terminal client and the peer. Joins the line editor
// and the screen, and draws once for all that happens in one turn. Knows no tty, session or command.

import { harmless } from "../text.ts";
import { terminal as limits } from "../limits.ts";
import { LineEditor } from "./line-editor.ts";
import { type PromptContent, PromptScreen, type Width } from "./prompt-screen.ts";
import type { Page } from "./wrap.ts";

const bell = "\u0007";

export type PromptParts = {
  write: (text: string) => void;
  /** Calls back once the events and keys that have arrived by now are handled. */
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
  // Lines to be drawn together: in a busy room the prompt would otherwise be drawn again for each.
  #lines: string[] = [];
  #bell = false;
  #drawing = false;
  #hidden = false;

  /** `label` returns what to show before the line being edited, on a terminal of that many columns. */
  constructor(parts: PromptParts, label: (columns: number) => string) {
    this.#parts = parts;
    this.#label = label;
    this.#screen = new PromptScreen(parts.width, parts.columns, parts.rows);
  }

  /** What rows have to fit. */
  get page(): Page {
    return { columns: this.#screen.columns, width: this.#parts.width };
  }

  /** A row that stays right above the prompt, or none. */
  set status(text: string | undefined) {
    this.#status = text;
    this.drawSoon();
  }

  /** Lines above the prompt, which may be longer than a row. */
  print(lines: readonly string[]): void {
    this.#lines.push(...lines);
    this.drawSoon();
  }

  /** Once with the next draw, however often it is asked for until then. */
  ringBell(): void {
    this.#bell = true;
    this.drawSoon();
  }

  drawSoon(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    this.#parts.soon(() => this.#flush());
  }

  resize(columns: number, rows: number): void {
    const drawn = this.#screen.resize(columns, rows, () => this.#content());
    if (this.#hidden) this.#screen.hide();
    else this.#parts.write(drawn);
  }

  /** An empty screen with the prompt on top. */
  clear(): void {
    this.#parts.write(this.#screen.clear());
    this.drawSoon();
  }

  /** Draws the prompt, also after something else has used the terminal. */
  draw(): void {
    this.#hidden = false;
    this.drawSoon();
  }

  /** Erases the prompt until `draw`; lines that come in meanwhile wait. */
  hide(): void {
    this.#flush();
    this.#hidden = true;
    this.#parts.write(this.#screen.hide());
  }

  #flush(): void {
    this.#drawing = false;
    if (this.#hidden) return;
    const content = this.#content();
    const lines = this.#lines.splice(0);
    const screen = this.#screen;
    const drawn = lines.length === 0 ? screen.update(content) : screen.print(lines, content);
    this.#parts.write(this.#bell ? `${bell}${drawn}` : drawn);
    this.#bell = false;
  }

  #content(): PromptContent {
    const { list, cursor } = this.editor.characters;
    const { query } = this.editor;
    const status = this.#status === undefined ? [] : [this.#status];
    return {
      status,
      label:
        query === undefined ? this.#label(this.#screen.columns) : `(search '${harmless(query)}') `,
      characters: list.map(visible),
      cursor,
    };
  }
}

// Tab inserts names of files as they are, control characters included: the terminal must not get those.
function visible(character: string): string {
  return harmless(character) === character ? character : "\ufffd";
}
