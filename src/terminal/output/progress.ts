// The progress bar of a running fetch, drawn on stderr if that is a terminal.

import { isTerminal } from "./is-terminal.ts";
import { stderr } from "./output.ts";
import { type Progress, progressLine } from "./progress-line.ts";
import { terminalSize } from "./terminal-size.ts";

// The bar is drawn without wrapping, so that narrowing the window leaves no remains of bars behind.
const wrapOff = "\u001b[?7l";
const wrapOn = "\u001b[?7h";
const eraseLine = "\r\u001b[K";

export class ProgressBar {
  #progress: Progress;

  constructor(name: string, sizeBytes: number) {
    const nothing = { haveBytes: 0, bytesPerSecond: 0, secondsLeft: null };
    this.#progress = { name, allBytes: sizeBytes, ...nothing };
    this.#draw();
  }

  update(progress: Omit<Progress, "name">): void {
    this.#progress = { ...this.#progress, ...progress };
    this.#draw();
  }

  /** Erases the bar, so that the next line starts at the margin. */
  stop(): void {
    stderr.data(eraseLine);
  }

  /** While a terminal is stopped (Ctrl-S), at most one bar is queued. */
  #draw(): void {
    if (!stderr.isIdle) return;
    const { columns } = terminalSize(process.stderr.columns, process.stderr.rows);
    const area = { columns, width: (text: string) => Bun.stringWidth(text) };
    stderr.data(`${eraseLine}${wrapOff}${progressLine(this.#progress, area)}${wrapOn}`);
  }
}

/** Whether stderr is a terminal on which a bar can be drawn. */
export function barFits(): boolean {
  return isTerminal(2) && process.env["TERM"] !== "dumb";
}
