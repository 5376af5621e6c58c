// A minimal terminal for tests of rendering: wraps at its last column only when the next character
// arrives, scrolls, counts its bell, and knows the escapes that the prompt uses; any other is an
// error.

export class Screen {
  columns: number;
  readonly rows: number;
  readonly #width: (text: string) => number;
  #lines: string[][] = [[]];
  #x = 0;
  // Row of the cursor, counted from the first line ever written.
  #y = 0;
  #top = 0;
  #pendingWrap = false;
  bells = 0;

  constructor(columns: number, rows: number, width: (text: string) => number) {
    this.columns = columns;
    this.rows = rows;
    this.#width = width;
  }

  /** All rows ever written, including scrolled ones, without trailing blanks. */
  get text(): string[] {
    return this.#lines.map((cells) => cells.join("").trimEnd());
  }

  get cursor(): { x: number; y: number } {
    return { x: this.#x, y: this.#y };
  }

  write(output: string): void {
    for (let rest = output; rest !== "";) {
      const escape = /^\u001b\[(\??[0-9;]*)([A-Za-z])/.exec(rest);
      if (escape !== null) {
        this.#escape(escape[1] ?? "", escape[2] ?? "");
        rest = rest.slice(escape[0].length);
        continue;
      }
      const [character = ""] = rest;
      this.#put(character);
      rest = rest.slice(character.length);
    }
  }

  #put(character: string): void {
    if (character === "\r") {
      this.#x = 0;
      this.#pendingWrap = false;
    } else if (character === "\n") this.#down();
    else if (character === "\u0007") this.bells++;
    else {
      const width = this.#width(character);
      if (this.#pendingWrap || this.#x + width > this.columns) {
        this.#x = 0;
        this.#down();
      }
      const cells = this.#line(this.#y);
      while (cells.length < this.#x) cells.push(" ");
      cells.splice(this.#x, width, character, ...Array.from({ length: width - 1 }, () => ""));
      this.#x += width;
      this.#pendingWrap = this.#x >= this.columns;
      if (this.#pendingWrap) this.#x = this.columns - 1;
    }
  }

  #down(): void {
    this.#y++;
    this.#pendingWrap = false;
    this.#top = Math.max(this.#top, this.#y - this.rows + 1);
    this.#line(this.#y);
  }

  #line(y: number): string[] {
    while (this.#lines.length <= y) this.#lines.push([]);
    return this.#lines[y] ?? [];
  }

  #escape(parameters: string, final: string): void {
    const count = Number(parameters === "" ? 1 : parameters);
    this.#pendingWrap = false;
    if (final === "A") this.#y = Math.max(this.#top, this.#y - count);
    else if (final === "C") this.#x = Math.min(this.columns - 1, this.#x + count);
    else if (final === "J" && parameters === "") {
      this.#line(this.#y).splice(this.#x);
      this.#lines.splice(this.#y + 1);
    } else if (parameters !== "?25") {
      throw new Error(`the terminal of this test does not know ${parameters}${final}`);
    }
  }
}
