// Draws a prompt at the bottom of a terminal: lines are printed above it and it is redrawn below
// them, whatever its height and however the terminal is resized. Pure: returns the strings to
// write.

import { terminalSize } from "../output/terminal-size.ts";

/** The contents of the prompt: status rows (progress), then the label and the line being typed. */
export type PromptContent = {
  status: readonly string[];
  /** May contain colours; its width is measured without them. */
  label: string;
  /** A newline begins a new row. */
  characters: readonly string[];
  cursor: number;
};

/** Columns that a text occupies: 2 for most CJK and emoji, 0 for escapes. */
export type Width = (text: string) => number;

type Block = {
  rows: readonly string[];
  widths: readonly number[];
  cursorRow: number;
  cursorColumn: number;
};

const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";
const clearBelow = "\u001b[J";
const clearScreen = "\u001b[2J\u001b[H";

export class PromptScreen {
  readonly #width: Width;
  #columns: number;
  #rows: number;
  #content: PromptContent = { status: [], label: "", characters: [], cursor: 0 };
  // The prompt as it appears on the screen; undefined if there is none.
  #drawn: Block | undefined;

  constructor(width: Width, columns: number, rows: number) {
    this.#width = width;
    ({ columns: this.#columns, rows: this.#rows } = terminalSize(columns, rows));
  }

  get columns(): number {
    return this.#columns;
  }

  /** Redraws the prompt in place. */
  update(content: PromptContent): string {
    this.#content = content;
    return hideCursor + this.#erase() + this.#draw() + showCursor;
  }

  /** Prints lines above the prompt, which is redrawn below them. Lines may be longer than a row. */
  print(lines: readonly string[], content: PromptContent): string {
    this.#content = content;
    const text = lines.map((line) => `${line}\r\n`).join("");
    return hideCursor + this.#erase() + text + this.#draw() + showCursor;
  }

  /**
   * The terminal was resized. Most terminals rewrap the screen when they get narrower, so the
   * prompt occupies more rows; on others a piece of the old prompt may remain above the new one.
   * `content` returns what to show at the new size.
   */
  resize(
    columns: number,
    rows: number,
    content: () => PromptContent = () => this.#content,
  ): string {
    const oldColumns = this.#columns;
    ({ columns: this.#columns, rows: this.#rows } = terminalSize(columns, rows));
    const drawn = this.#drawn;
    if (drawn !== undefined && this.#columns < oldColumns) {
      let above = Math.floor(Math.min(drawn.cursorColumn, oldColumns - 1) / this.#columns);
      for (const width of drawn.widths.slice(0, drawn.cursorRow)) {
        above += Math.max(1, Math.ceil(width / this.#columns));
      }
      this.#drawn = { ...drawn, cursorRow: above };
    }
    return this.update(content());
  }

  /** Clears the screen; the prompt goes to the top. */
  clear(): string {
    this.#drawn = undefined;
    return clearScreen + this.#draw();
  }

  /** Erases the prompt and leaves the cursor where it began. */
  hide(): string {
    return this.#erase();
  }

  #erase(): string {
    const drawn = this.#drawn;
    this.#drawn = undefined;
    if (drawn === undefined) return "";
    const up = drawn.cursorRow > 0 ? `\u001b[${drawn.cursorRow}A` : "";
    return `\r${up}${clearBelow}`;
  }

  #draw(): string {
    const block = this.#layout();
    this.#drawn = block;
    const below = block.rows.length - 1 - block.cursorRow;
    const up = below > 0 ? `\u001b[${below}A` : "";
    const right = block.cursorColumn > 0 ? `\u001b[${block.cursorColumn}C` : "";
    return `${block.rows.join("\r\n")}\r${up}${right}`;
  }

  // Breaks rows itself, since terminals differ in how they wrap wide characters and treat the last
  // column.
  #layout(): Block {
    const { status, label, characters, cursor } = this.#content;
    const rows = [...status.slice(0, 1), label].map((line) => this.#fit(line));
    const widths = rows.map((row) => this.#width(row));
    let [cursorRow, cursorColumn] = [rows.length - 1, widths.at(-1) ?? 0];
    const begin = () => widths.push(0) && rows.push("");
    for (const [index, character] of characters.entries()) {
      const isLineEnd = character === "\n";
      const width = isLineEnd ? 1 : this.#width(character);
      if ((widths.at(-1) ?? 0) + width > this.#columns) begin();
      const last = rows.length - 1;
      if (index === cursor) [cursorRow, cursorColumn] = [last, widths[last] ?? 0];
      if (isLineEnd) {
        begin();
        continue;
      }
      rows[last] += character;
      widths[last] = (widths[last] ?? 0) + width;
    }
    if (cursor >= characters.length) {
      [cursorRow, cursorColumn] = [rows.length - 1, widths.at(-1) ?? 0];
      if (cursorColumn >= this.#columns) {
        begin();
        [cursorRow, cursorColumn] = [cursorRow + 1, 0];
      }
    }
    return this.#window({ rows, widths, cursorRow, cursorColumn });
  }

  // A block taller than the screen would scroll away, so only the rows around the cursor are shown.
  #window(block: Block): Block {
    const height = Math.max(1, this.#rows - 1);
    if (block.rows.length <= height) return block;
    const start = Math.min(Math.max(0, block.cursorRow - height + 1), block.rows.length - height);
    return {
      rows: block.rows.slice(start, start + height),
      widths: block.widths.slice(start, start + height),
      cursorRow: block.cursorRow - start,
      cursorColumn: block.cursorColumn,
    };
  }

  #fit(line: string): string {
    if (this.#width(line) <= this.#columns) return line;
    let [text, width] = ["", 0];
    for (const character of line) {
      width += this.#width(character);
      if (width > this.#columns) break;
      text += character;
    }
    return text;
  }
}
