// The progress of a transfer in the row above the prompt. Pure.

import { sizeText } from "../../size-text.ts";
import type { Progress } from "../output/progress-line.ts";
import { durationText, rateText } from "../output/units.ts";

/** A narrow terminal truncates the end, which is the name. */
export function progressText(progress: Progress): string {
  const { name, haveBytes, allBytes, bytesPerSecond, secondsLeft } = progress;
  const percent = allBytes === 0 ? 100 : Math.floor((100 * haveBytes) / allBytes);
  const left = secondsLeft === null ? "" : `${durationText(secondsLeft)} left  `;
  return `${percent} %  ${left}${sizeText(haveBytes)} of ${sizeText(allBytes)}  ${rateText(bytesPerSecond)}  ${name}`;
}
