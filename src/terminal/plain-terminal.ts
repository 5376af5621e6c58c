// A terminal on which no cursor can be moved (TERM=dumb): it edits and echoes lines itself, and what is said follows below.
// For who has a prompt elsewhere: the same calls, without one.

import { terminal as limits } from "../limits.ts";
import { LineEditor } from "./line-editor.ts";
import type { Prompt, PromptParts } from "./prompt.ts";
import { terminalSize } from "./terminal-size.ts";
import type { Tty, TtyUser } from "./tty.ts";
import { typedLines } from "./typed-lines.ts";
import type { Page } from "./wrap.ts";

/** Whether lines are all that may be written to this terminal. */
export function isPlain(environment: Readonly<Record<string, string | undefined>>): boolean {
  return environment["TERM"] === "dumb";
}

/** What a client needs of a prompt. */
export type PromptLike = Pick<Prompt, keyof Prompt>;

/** Lines, and nothing below them. */
export class PlainPrompt implements PromptLike {
  readonly editor = new LineEditor(limits.maxTypedChars);
  readonly #parts: PromptParts;
  #columns: number;

  constructor(parts: PromptParts) {
    this.#parts = parts;
    this.#columns = parts.columns;
  }

  get page(): Page {
    return { columns: this.#columns, width: this.#parts.width };
  }

  set status(_text: string | undefined) {}

  print(lines: readonly string[]): void {
    this.#parts.write(lines.map((line) => `${line}\n`).join(""));
  }

  resize(columns: number): void {
    this.#columns = columns;
  }

  drawSoon(): void {}
  clear(): void {}
  draw(): void {}
  hide(): void {}
}

/** Typed lines as keys: each as a text and `enter`, the end of input as `ctrl-d`. */
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

  /** Ctrl-Z is the terminal's own business. */
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
      // A terminal that has gone.
    }
    if (!this.#closed) this.#user()?.keys([{ type: "key", name: "ctrl-d" }]);
  }
}
