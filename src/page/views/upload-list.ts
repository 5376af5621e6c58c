// Uploads to the shared folder, above the message field: their progress, and the possible actions.

import { sizeText } from "../../size-text.ts";
import { harmless } from "../../text.ts";
import { byId, h, iconButton, setText, syncChildren } from "../dom.ts";
import type { State } from "../state.ts";
import type { UploadCard, UploadCards } from "../upload-cards.ts";

export type UploadListActions = {
  /** Shares a pasted picture, or retries. */
  start: (id: number) => void;
  cancel: (id: number) => void;
};

type Row = {
  node: HTMLLIElement;
  state: HTMLElement;
  bar: HTMLProgressElement;
  start: HTMLButtonElement;
};

export class UploadList {
  readonly #list = byId("uploads", HTMLUListElement);
  readonly #actions: UploadListActions;
  readonly #rows = new Map<number, Row>();
  #shown: UploadCards = new Map();

  constructor(actions: UploadListActions) {
    this.#actions = actions;
  }

  render({ uploads }: State): void {
    if (uploads === this.#shown) return;
    this.#shown = uploads;
    for (const id of this.#rows.keys()) if (!uploads.has(id)) this.#rows.delete(id);
    for (const card of uploads.values()) this.#renderCard(card);
    const rows = Array.from(uploads.keys(), (id) => this.#rows.get(id)?.node);
    syncChildren(
      this.#list,
      rows.filter((node) => node !== undefined),
    );
    this.#list.hidden = uploads.size === 0;
  }

  #renderCard(card: UploadCard): void {
    const row = this.#rows.get(card.id) ?? this.#newRow(card);
    this.#rows.set(card.id, row);
    const { phase, size, doneBytes } = card;
    row.node.dataset["phase"] = phase;
    row.bar.hidden = phase !== "running";
    row.bar.value = size === 0 ? 1 : doneBytes / size;
    row.start.hidden = phase !== "asking" && phase !== "failed";
    setText(row.start, phase === "asking" ? "Share" : "Try again");
    // Only changes of phase are announced; the progress bar tells the rest.
    row.state.setAttribute("aria-live", phase === "running" ? "off" : "polite");
    setText(row.state, stateText(card));
  }

  #newRow({ id, name, room }: UploadCard): Row {
    const shown = harmless(name);
    const state = h("small", { role: "status" });
    const bar = h("progress", { max: 1, value: 0, "aria-label": `Upload of ${shown}` });
    const start = h("button", { class: "quiet small", type: "button" });
    start.addEventListener("click", () => this.#actions.start(id));
    const stop = iconButton("close", `Stop sharing ${shown}`);
    stop.addEventListener("click", () => this.#actions.cancel(id));
    const label = h("p", { class: "upload-name" }, h("bdi", {}, shown), ` for ${room}`, state);
    const line = h("div", { class: "upload-row" }, label, start, stop);
    return { node: h("li", { class: "upload" }, line, bar), state, bar, start };
  }
}

function stateText({ phase, size, doneBytes, detail }: UploadCard): string {
  switch (phase) {
    case "asking":
      return `${sizeText(size)} · everybody on this server can fetch it`;
    case "waiting":
      return `${sizeText(size)} · waiting`;
    case "running":
      if (detail !== "") return detail;
      return `${Math.floor((100 * doneBytes) / Math.max(1, size))}% of ${sizeText(size)}`;
    case "failed":
      return detail;
  }
}
