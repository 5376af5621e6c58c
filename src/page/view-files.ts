// The files of the server, and how far their downloads are.

import type { ListedFile } from "../client/events.ts";
import { byId, h, icon, setText } from "./dom.ts";
import { sizeText } from "../size-text.ts";
import type { Download, State } from "./state.ts";

type Row = {
  node: HTMLLIElement;
  bar: HTMLProgressElement;
  note: HTMLElement;
  button: HTMLButtonElement;
  shown: Download | undefined;
};

export class FilesView {
  readonly #list = byId("file-list", HTMLUListElement);
  readonly #note = byId("files-note", HTMLElement);
  readonly #start: (file: ListedFile) => void;
  #rows = new Map<string, Row>();
  #shown: State | undefined;

  constructor(start: (file: ListedFile) => void) {
    this.#start = start;
  }

  render(state: State): void {
    const shown = this.#shown;
    this.#shown = state;
    if (shown?.files !== state.files) this.#drawList(state.files ?? []);
    setText(this.#note, noteOf(state));
    if (shown?.downloads !== state.downloads || shown.files !== state.files) {
      for (const [name, row] of this.#rows) drawDownload(row, state.downloads[name]);
    }
  }

  #drawList(files: readonly ListedFile[]): void {
    this.#rows = new Map(files.map((file) => [file.name, this.#row(file)]));
    this.#list.replaceChildren(...[...this.#rows.values()].map((row) => row.node));
  }

  #row(file: ListedFile): Row {
    const label = `Download ${file.name}`;
    const button = h(
      "button",
      { class: "ghost", type: "button", "aria-label": label, title: label },
      icon("save"),
    );
    button.addEventListener("click", () => this.#start(file));
    const facts = `${sizeText(file.sizeBytes)} · ${new Date(file.modifiedMs).toLocaleDateString()}`;
    const bar = h("progress", {
      max: 1,
      value: 0,
      "aria-label": `Download of ${file.name}`,
      hidden: true,
    });
    const note = h("p", { class: "file-state", role: "status", hidden: true });
    const title = h("p", { class: "file-name" }, file.name, h("small", {}, facts));
    const node = h(
      "li",
      { class: "file" },
      h("div", { class: "file-row" }, title, button),
      bar,
      note,
    );
    return { node, bar, note, button, shown: undefined };
  }
}

function drawDownload(row: Row, download: Download | undefined): void {
  if (download === undefined || download === row.shown) return;
  const isNew = row.shown?.phase !== download.phase;
  row.shown = download;
  const { phase, doneBytes, totalBytes } = download;
  const isRunning = phase === "running" || phase === "checking";
  row.bar.hidden = !isRunning;
  row.bar.value = totalBytes === 0 ? 1 : doneBytes / totalBytes;
  row.button.disabled = isRunning;
  row.note.hidden = false;
  // While it runs the bar is what a screen reader can ask; only its phases are announced.
  row.note.setAttribute("aria-live", isNew ? "polite" : "off");
  row.note.className = `file-state ${phase}`;
  setText(row.note, stateText(download));
}

function stateText(download: Download): string {
  const percent = Math.floor((100 * download.doneBytes) / Math.max(1, download.totalBytes));
  switch (download.phase) {
    case "running":
      return `${percent} % of ${sizeText(download.totalBytes)}`;
    case "checking":
      return "Checking the hash …";
    case "verified":
      return `Saved and verified. SHA-256 ${download.detail}`;
    case "unchecked":
    case "failed":
      return download.detail;
  }
}

function noteOf(state: State): string {
  if (state.filesProblem !== "") return state.filesProblem;
  if (state.files === undefined) return "Loading …";
  const count = state.files.length;
  if (count === 0) return "The server shares no files.";
  return `${count} ${count === 1 ? "file" : "files"} on the server`;
}
