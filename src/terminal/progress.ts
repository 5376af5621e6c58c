// The bar of a running fetch, on a terminal's stderr only: per cent, bytes, rate, time left.

import { Presets, SingleBar } from "cli-progress";
import { terminalSize } from "./terminal-size.ts";
import { type Progress, progressLine } from "./progress-line.ts";

export class ProgressBar {
  readonly #bar: SingleBar;
  #now: Progress;

  constructor(name: string, sizeBytes: number) {
    this.#now = { name, haveBytes: 0, allBytes: sizeBytes, bytesPerSecond: 0, secondsLeft: null };
    this.#bar = new SingleBar(
      {
        format: () => this.#line(),
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: true,
        stopOnComplete: false,
        // a resize must not leave half a bar behind
        linewrap: false,
      },
      Presets.rect,
    );
    this.#bar.start(Math.max(1, sizeBytes), 0);
  }

  update(
    haveBytes: number,
    allBytes: number,
    bytesPerSecond: number,
    secondsLeft: number | null,
  ): void {
    this.#now = { ...this.#now, haveBytes, allBytes, bytesPerSecond, secondsLeft };
    this.#bar.update(Math.min(haveBytes, allBytes));
  }

  /** Takes the bar away, so that the next line starts at the margin. */
  stop(): void {
    this.#bar.stop();
  }

  #line(): string {
    const { columns } = terminalSize(process.stderr);
    return progressLine(this.#now, { columns, width: (text) => Bun.stringWidth(text) });
  }
}

/** Whether stderr is a terminal on which a bar can be drawn. */
export function barFits(): boolean {
  return process.stderr.isTTY === true && process.env["TERM"] !== "dumb";
}
