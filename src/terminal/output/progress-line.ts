// The progress of a fetch as one row that fits the terminal; the least important parts are dropped
// first. Pure.

import { harmless } from "../../text.ts";
import { graphemes } from "../editor/line-editor.ts";
import { durationText, rateText } from "./units.ts";
import { sizeText } from "../../size-text.ts";
import type { TextArea } from "./wrap.ts";

export type Progress = {
  name: string;
  haveBytes: number;
  allBytes: number;
  bytesPerSecond: number;
  secondsLeft: number | null;
};

type Layout = { name: number; bar: number; amount: boolean; rate: boolean; left: boolean };

/** From the widest down to only the percentage. `name` and `bar` are in columns. */
const layouts: readonly Layout[] = [
  { name: 28, bar: 24, amount: true, rate: true, left: true },
  { name: 28, bar: 10, amount: true, rate: true, left: true },
  { name: 16, bar: 10, amount: true, rate: true, left: true },
  { name: 16, bar: 10, amount: false, rate: true, left: true },
  { name: 16, bar: 8, amount: false, rate: false, left: true },
  { name: 10, bar: 0, amount: false, rate: false, left: true },
  { name: 0, bar: 0, amount: false, rate: false, left: true },
  { name: 0, bar: 0, amount: false, rate: false, left: false },
];

/** Narrower than the terminal, since some wrap at the last column. */
export function progressLine(progress: Progress, area: TextArea): string {
  let line = "";
  for (const layout of layouts) {
    line = compose(progress, layout, area);
    if (area.width(line) < area.columns) return line;
  }
  return line;
}

function compose(progress: Progress, layout: Layout, area: TextArea): string {
  const { name, haveBytes, allBytes, bytesPerSecond, secondsLeft } = progress;
  const share = allBytes === 0 ? 1 : Math.min(1, haveBytes / allBytes);
  const bar = "■".repeat(Math.round(share * layout.bar)).padEnd(layout.bar);
  const percent = `${Math.floor(share * 100)}%`;
  const head = [cut(harmless(name), layout.name, area), bar, percent];
  const parts = [
    head.filter((part) => part !== "").join(" "),
    layout.amount ? `${sizeText(haveBytes)} of ${sizeText(allBytes)}` : "",
    layout.rate ? rateText(bytesPerSecond) : "",
    layout.left && secondsLeft !== null ? `${durationText(secondsLeft)} left` : "",
  ];
  return parts.filter((part) => part !== "").join("  ");
}

function cut(text: string, columns: number, area: TextArea): string {
  if (columns === 0) return "";
  if (area.width(text) <= columns) return text;
  let short = "";
  for (const character of graphemes(text)) {
    if (area.width(short + character) > columns - 1) break;
    short += character;
  }
  return `${short}…`;
}
