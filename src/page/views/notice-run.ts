// A run of joins and parts: one line that unfolds into the single events.

import { h, setText, syncChildren } from "../dom.ts";
import type { Notice } from "../message-log.ts";
import { type Run, runText } from "../presence-runs.ts";
import { clockTime } from "../timeline.ts";

export class NoticeRun {
  readonly node: HTMLDetailsElement;
  readonly #summary = h("summary");
  readonly #list = h("ul");
  #lines = new Map<number, HTMLLIElement>();
  #run: Run;

  constructor(run: Run) {
    this.#run = run;
    this.node = h("details", { class: "notice run" }, this.#summary, this.#list);
    // The lines of a long run are created when the user unfolds it.
    this.node.addEventListener("toggle", () => this.#drawLines());
    this.update(run);
  }

  update(run: Run): void {
    this.#run = run;
    setText(this.#summary, runText(run));
    this.#drawLines();
  }

  #drawLines(): void {
    if (!this.node.open) return;
    const line = (entry: Notice) => this.#lines.get(entry.key) ?? drawLine(entry);
    this.#lines = new Map(this.#run.entries.map((entry) => [entry.key, line(entry)]));
    syncChildren(this.#list, this.#lines.values());
  }
}

function drawLine({ text, timeMs }: Notice): HTMLLIElement {
  const date = new Date(timeMs);
  const time = h("time", { datetime: date.toISOString(), title: date.toLocaleString() });
  time.append(clockTime(timeMs));
  return h("li", {}, time, ` ${text}`);
}
