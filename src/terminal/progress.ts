// The bar of a running fetch, on a terminal's stderr only: per cent, bytes, rate, time left.

import { stderr } from "./output.ts";
import { type Progress, progressLine } from "./progress-line.ts";
import { terminalSize } from "./terminal-size.ts";

// A window that is made narrower must not leave half a bar behind: for the bar the terminal does not wrap.
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

  /** Takes the bar away, so that the next line starts at the margin. */
  stop(): void {
    stderr.data(eraseLine);
  }

  /** A terminal that takes nothing (Ctrl-S) gets no more bars than the one that waits. */
  #draw(): void {
    if (!stderr.isIdle) return;
    const { columns } = terminalSize(process.stderr.columns, process.stderr.rows);
    const page = { columns, width: (text: string) => Bun.stringWidth(text) };
    stderr.data(`${eraseLine}${wrapOff}${progressLine(this.#progress, page)}${wrapOn}`);
  }
}

/** Whether stderr is a terminal on which a bar can be drawn. */
export function barFits(): boolean {
  return process.stderr.isTTY === true && process.env["TERM"] !== "dumb";
}
