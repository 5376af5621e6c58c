// A terminal in raw mode, for the prompt. Always restores the original mode.

import { terminal as limits } from "../../limits.ts";
import { type Key, KeyReader } from "../editor/keys.ts";
import { stdout } from "./output.ts";
import { terminalSize } from "./terminal-size.ts";

const pasteOn = "\u001b[?2004h";
const pasteOff = "\u001b[?2004l";

/** The owner of the prompt. */
export interface TtyUser {
  keys(keys: readonly Key[]): void;
  resize(columns: number, rows: number): void;
  /** Erases the prompt until `draw`. */
  hide(): void;
  draw(): void;
  /** The terminal was closed. */
  gone(): void;
}

export class Tty {
  readonly #user: () => TtyUser | undefined;
  readonly #keys = new KeyReader();
  readonly #decoder = new TextDecoder();
  #escape: Timer | undefined;

  constructor(user: () => TtyUser | undefined) {
    this.#user = user;
  }

  open(): void {
    process.stdin.on("error", this.#broken);
    this.#raw(true);
    process.stdin.on("data", this.#read);
    process.stdin.on("end", this.#end);
    process.stdout.on("resize", this.#resize);
    process.on("exit", this.#restore);
  }

  close(): void {
    this.#raw(false);
    clearTimeout(this.#escape);
    process.stdin.off("data", this.#read);
    process.stdin.off("end", this.#end);
    process.stdin.pause();
    process.stdout.off("resize", this.#resize);
    process.off("exit", this.#restore);
  }

  suspend(): void {
    this.#user()?.hide();
    this.#raw(false);
    void stdout.flush().then(() => {
      process.kill(process.pid, "SIGTSTP");
      // Runs after SIGCONT, or immediately if no shell can continue this process.
      setImmediate(this.#resume);
    });
  }

  readonly #read = (bytes: Buffer): void => {
    clearTimeout(this.#escape);
    this.#user()?.keys(this.#keys.push(this.#decoder.decode(bytes, { stream: true })));
    if (!this.#keys.pending) return;
    this.#escape = setTimeout(() => this.#user()?.keys(this.#keys.flush()), limits.escapeTimeoutMs);
  };

  // Setting the mode fails once the terminal is closed.
  readonly #broken = (): void => {};

  readonly #end = (): void => this.#user()?.gone();

  readonly #resize = (): void => {
    const { columns, rows } = terminalSize(process.stdout.columns, process.stdout.rows);
    this.#user()?.resize(columns, rows);
  };

  readonly #resume = (): void => {
    this.#raw(true);
    this.#user()?.draw();
  };

  // Even a crash must not leave the shell without echo.
  readonly #restore = (): void => {
    process.stdin.setRawMode(false);
  };

  #raw(on: boolean): void {
    process.stdin.setRawMode(on);
    stdout.data(on ? pasteOn : pasteOff);
  }
}
