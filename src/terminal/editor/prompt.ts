// A prompt with a line editor, above which other lines are printed; used by the terminal client and
// the peer. Draws once for everything that happens in one iteration of the event loop. Knows no
// tty, session or command.

import { harmless } from "../../text.ts";
import { terminal as limits } from "../../limits.ts";
import { LineEditor } from "./line-editor.ts";
import { type PromptContent, PromptScreen, type Width } from "./prompt-screen.ts";
import type { TextArea } from "../output/wrap.ts";

const bell = "\u0007";

export type PromptParts = {
  write: (text: string) => void;
  /** Calls `draw` once all keys and events that have arrived so far are handled. */
  soon: (draw: () => void) => void;
  width: Width;
  columns: number;
  rows: number;
  /** The typed text may have several lines. */
  severalLines?: boolean;
};

export class Prompt {
  readonly #line: LineEditor;
  /** Typed without echo and without history. */
  #secret: { editor: LineEditor; label: string } | undefined;
  readonly #parts: PromptParts;
  readonly #label: (columns: number) => string;
  readonly #screen: PromptScreen;
  #status: string | undefined;
  // Printed together; otherwise a busy room would redraw the prompt for each line.
  #lines: string[] = [];
  #bell = false;
  #drawing = false;
  #hidden = false;

  /** `label` returns the label for a terminal with that many columns. */
  constructor(parts: PromptParts, label: (columns: number) => string) {
    this.#parts = parts;
    this.#line = new LineEditor(limits.maxTypedChars, parts.severalLines);
    this.#label = label;
    this.#screen = new PromptScreen(parts.width, parts.columns, parts.rows);
  }

  /** The area that rows above the prompt must fit. */
  get area(): TextArea {
    return { columns: this.#screen.columns, width: this.#parts.width };
  }

  /** What is being typed: the line, or a secret. */
  get editor(): LineEditor {
    return this.#secret?.editor ?? this.#line;
  }

  /** Switches to typing a secret without echo; undefined switches back to the line. */
  askSecret(label: string | undefined): void {
    const editor = new LineEditor(limits.maxTypedChars);
    this.#secret = label === undefined ? undefined : { editor, label };
    this.drawSoon();
  }

  /** A row that stays above the prompt; undefined removes it. */
  showStatus(text: string | undefined): void {
    this.#status = text;
    this.drawSoon();
  }

  /** Prints lines above the prompt. They may be longer than a row. */
  print(lines: readonly string[]): void {
    this.#lines.push(...lines);
    this.drawSoon();
  }

  /** Rings the bell once, with the next draw. */
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

  /** Clears the screen; the prompt goes to the top. */
  clear(): void {
    this.#parts.write(this.#screen.clear());
    this.drawSoon();
  }

  /** Draws the prompt again after `hide`, or after something else used the terminal. */
  draw(): void {
    this.#hidden = false;
    this.drawSoon();
  }

  /** Erases the prompt until `draw`. Lines printed meanwhile are held back. */
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
    const status = this.#status === undefined ? [] : [this.#status];
    const secret = this.#secret;
    if (secret !== undefined) return { status, label: secret.label, characters: [], cursor: 0 };
    const { list, cursor } = this.#line.characters;
    const { query, isMissed } = this.#line;
    const search = `(${isMissed ? "not found" : "search"}: '${harmless(query ?? "")}') `;
    return {
      status,
      label: query === undefined ? this.#label(this.#screen.columns) : search,
      characters: list.map(visible),
      cursor,
    };
  }
}

// Tab inserts file names unchanged; the terminal must not receive their control characters.
function visible(character: string): string {
  return character === "\n" || harmless(character) === character ? character : "\ufffd";
}
