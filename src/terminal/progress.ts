// The bar of a running fetch, on a terminal's stderr only: per cent, bytes, rate, time left.

import { Presets, SingleBar } from "cli-progress";
import { harmless } from "../chat/text.ts";
import { durationText, rateText, sizeText } from "./units.ts";

const longestName = 28;

export class ProgressBar {
  readonly #bar: SingleBar;

  constructor(name: string, sizeBytes: number) {
    const clean = harmless(name);
    const shown = clean.length > longestName ? `${clean.slice(0, longestName - 1)}…` : clean;
    this.#bar = new SingleBar(
      {
        format: `${shown.replaceAll(/[{}]/g, "·")} {bar} {percentage} %  {have} of {all}  {rate}  {left}`,
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: true,
        stopOnComplete: false,
        barsize: 24,
        // a resize must not leave half a bar behind
        linewrap: false,
      },
      Presets.rect,
    );
    this.#bar.start(Math.max(1, sizeBytes), 0, this.#words(0, sizeBytes, 0, null));
  }

  update(
    haveBytes: number,
    sizeBytes: number,
    bytesPerSecond: number,
    secondsLeft: number | null,
  ): void {
    const words = this.#words(haveBytes, sizeBytes, bytesPerSecond, secondsLeft);
    this.#bar.update(Math.min(haveBytes, sizeBytes), words);
  }

  /** Takes the bar away, so that the next line starts at the margin. */
  stop(): void {
    this.#bar.stop();
  }

  #words(have: number, all: number, rate: number, left: number | null) {
    return {
      have: sizeText(have),
      all: sizeText(all),
      rate: rateText(rate),
      left: left === null ? "" : `${durationText(left)} left`,
    };
  }
}

/** Whether stderr is a terminal on which a bar may be drawn (no-color.org asks for plain output). */
export function barFits(): boolean {
  return process.stderr.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
}
