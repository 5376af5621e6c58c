// Stand-ins for the prompt and the tty on a terminal that can't move its cursor (TERM=dumb): the
// terminal edits and echoes lines itself, and output simply follows.

import { terminal as limits } from "../../limits.ts";
import { LineEditor } from "./line-editor.ts";
import type { Prompt, PromptParts } from "./prompt.ts";
import { terminalSize } from "../output/terminal-size.ts";
import type { Tty, TtyUser } from "../output/tty.ts";
import { typedLines } from "./typed-lines.ts";
import type { TextArea } from "../output/wrap.ts";

/** Whether the terminal can only show lines. */
export function isPlain(environment: Readonly<Record<string, string | undefined>>): boolean {
  return environment["TERM"] === "dumb";
}

/** The interface shared by the prompt and its stand-in. */
export type PromptLike = Pick<Prompt, keyof Prompt>;

/** A prompt that is not drawn. */
export class PlainPrompt implements PromptLike {
  readonly editor = new LineEditor(limits.maxTypedChars);
  readonly #parts: PromptParts;
  #columns: number;

  constructor(parts: PromptParts) {
    this.#parts = parts;
    ({ columns: this.#columns } = terminalSize(parts.columns, parts.rows));
  }

  get area(): TextArea {
    return { columns: this.#columns, width: this.#parts.width };
  }

  showStatus(_text: string | undefined): void {}

  print(lines: readonly string[]): void {
    this.#parts.write(lines.map((line) => `${line}\n`).join(""));
  }

  ringBell(): void {
    this.#parts.write("\u0007");
  }

  resize(columns: number, rows: number): void {
    ({ columns: this.#columns } = terminalSize(columns, rows));
  }

  /** The terminal itself echoes input, so secrets are never asked for. */
  askSecret(): void {}
  drawSoon(): void {}
  clear(): void {}
  draw(): void {}
  hide(): void {}
}

/** Passes typed lines on as keys: text and `enter` for each, `ctrl-d` at the end of input. */
export class PlainTty implements Pick<Tty, "open" | "close" | "suspend"> {
  readonly #user: () => TtyUser | undefined;
  #closed = false;

  constructor(user: () => TtyUser | undefined) {
    this.#user = user;
  }

  open(): void {
    process.stdout.on("resize", this.#resize);
    void this.#read();
  }

  close(): void {
    this.#closed = true;
    process.stdout.off("resize", this.#resize);
  }

  /** Ctrl-Z is handled by the terminal. */
  suspend(): void {}

  readonly #resize = (): void => {
    const { columns, rows } = terminalSize(process.stdout.columns, process.stdout.rows);
    this.#user()?.resize(columns, rows);
  };

  async #read(): Promise<void> {
    try {
      for await (const text of typedLines()) {
        if (this.#closed) return;
        this.#user()?.keys([
          { type: "text", text },
          { type: "key", name: "enter" },
        ]);
      }
    } catch {
      // The terminal was closed.
    }
    if (!this.#closed) this.#user()?.keys([{ type: "key", name: "ctrl-d" }]);
  }
}
