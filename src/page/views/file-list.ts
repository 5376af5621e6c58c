// The shared files, page by page, with the progress of downloads.

import type { FileEntry } from "../../client/events.ts";
import { sizeText } from "../../size-text.ts";
import { pastedWord } from "../../pasted-word.ts";
import { harmless } from "../../text.ts";
import { byId, h, icon, iconButton, setText, syncChildren } from "../dom.ts";
import { type Download, type FileListing, isRunning, type State } from "../state.ts";

export type FileListActions = {
  /** Stops it if it is running. */
  download: (file: FileEntry) => void;
  /** Removes one of the user's own files. */
  remove: (file: FileEntry) => void;
  /** Loads the next page. */
  more: () => void;
};

type Row = {
  file: FileEntry;
  node: HTMLLIElement;
  bar: HTMLProgressElement;
  note: HTMLElement;
  button: HTMLButtonElement;
  remove: HTMLButtonElement;
  rendered: Download | undefined;
};

export class FileList {
  readonly #list = byId("file-list", HTMLUListElement);
  readonly #note = byId("files-note", HTMLElement);
  readonly #more = byId("files-more", HTMLButtonElement);
  readonly #actions: FileListActions;
  #rows = new Map<string, Row>();
  #files: readonly FileEntry[] = [];
  #downloads: State["downloads"] = new Map();
  #ownFiles: State["ownFiles"] = new Set();

  constructor(actions: FileListActions) {
    this.#actions = actions;
    this.#more.addEventListener("click", () => actions.more());
    // Scrolling to the end loads the next page.
    const observer = new IntersectionObserver((seen) => {
      if (seen.some(({ isIntersecting }) => isIntersecting)) actions.more();
    });
    observer.observe(this.#more);
  }

  render({ listing, downloads, ownFiles }: State): void {
    const isListSame = listing.files === this.#files;
    if (!isListSame) this.#renderRows(listing.files);
    if (!isListSame || ownFiles !== this.#ownFiles) {
      this.#ownFiles = ownFiles;
      for (const [name, { remove }] of this.#rows) remove.hidden = !ownFiles.has(name);
    }
    setText(this.#note, noteOf(listing));
    this.#more.hidden = listing.next === undefined;
    this.#more.disabled = listing.phase === "loading";
    if (isListSame && downloads === this.#downloads) return;
    this.#downloads = downloads;
    for (const [name, download] of downloads) {
      const row = this.#rows.get(name);
      if (row === undefined) continue;
      // What was saved of another version says nothing about this one.
      if (isRunning(download) || isSame(row.file, download.file)) renderDownload(row, download);
    }
  }

  /** Reuses the rows of unchanged files. */
  #renderRows(files: readonly FileEntry[]): void {
    this.#files = files;
    const rows = files.map((file): [string, Row] => {
      const known = this.#rows.get(file.name);
      return [
        file.name,
        known !== undefined && isSame(known.file, file) ? known : this.#newRow(file),
      ];
    });
    this.#rows = new Map(rows);
    syncChildren(
      this.#list,
      Array.from(this.#rows.values(), ({ node }) => node),
    );
  }

  #newRow(file: FileEntry): Row {
    const name = harmless(file.name);
    const button = iconButton("save", `Download ${name}`);
    button.addEventListener("click", () => this.#actions.download(file));
    // A browser saves files, not folders.
    button.hidden = isFolder(file.name);
    const facts = isFolder(file.name)
      ? `folder · parley fetch-file ${pastedWord(name)}`
      : `${sizeText(file.sizeBytes)} · ${new Date(file.modifiedMs).toLocaleDateString()}`;
    const bar = h("progress", {
      max: 1,
      value: 0,
      "aria-label": `Download of ${name}`,
      hidden: true,
    });
    const note = h("p", { class: "file-state", role: "status", hidden: true });
    const label = h("p", { class: "file-name" }, h("bdi", {}, name), h("small", {}, facts));
    const remove = iconButton("remove", `Remove ${name}`);
    remove.hidden = true;
    remove.addEventListener("click", () => this.#actions.remove(file));
    const row = h("div", { class: "file-row" }, label, button, remove);
    const node = h("li", { class: "file" }, row, bar, note);
    return { file, node, bar, note, button, remove, rendered: undefined };
  }
}

function isSame(a: FileEntry, b: FileEntry): boolean {
  return a.sizeBytes === b.sizeBytes && a.modifiedMs === b.modifiedMs;
}

function renderDownload(row: Row, download: Download): void {
  if (download === row.rendered) return;
  const isNewPhase = row.rendered?.phase !== download.phase;
  row.rendered = download;
  const { phase, doneBytes } = download;
  const totalBytes = download.file.sizeBytes;
  row.bar.hidden = !isRunning(download);
  row.bar.value = totalBytes === 0 ? 1 : doneBytes / totalBytes;
  row.button.disabled = phase === "checking";
  if (isNewPhase) labelButton(row, phase === "running");
  row.note.hidden = false;
  // Only changes of phase are announced; the progress bar tells screen readers the rest.
  row.note.setAttribute("aria-live", isNewPhase ? "polite" : "off");
  row.note.className = `file-state ${phase}`;
  setText(row.note, downloadText(download));
}

/** The button of a running download stops it. */
function labelButton({ file, button }: Row, stops: boolean): void {
  const name = harmless(file.name);
  const label = stops ? `Stop the download of ${name}` : `Download ${name}`;
  button.title = label;
  button.setAttribute("aria-label", label);
  button.replaceChildren(icon(stops ? "close" : "save"));
}

function downloadText({ file, phase, doneBytes, detail }: Download): string {
  switch (phase) {
    case "running":
      return `${Math.floor((100 * doneBytes) / Math.max(1, file.sizeBytes))}% of ${sizeText(file.sizeBytes)}`;
    case "checking":
      return "Verifying …";
    case "verified":
      return `Saved and verified. SHA-256: ${detail}`;
    case "unchecked":
    case "failed":
      return detail;
  }
}

function noteOf({ files: entries, next, phase, problem }: FileListing): string {
  if (problem !== "") return problem;
  if (entries.length === 0)
    return phase === "loaded" ? "This server shares no files." : "Loading …";
  const folders = entries.filter(({ name }) => isFolder(name)).length;
  const counts = [countText(entries.length - folders, "file"), countText(folders, "folder")];
  const text = counts.filter((count) => count !== "").join(" and ");
  return next === undefined ? text : `The first ${text}; there are more.`;
}

function countText(count: number, what: string): string {
  return count === 0 ? "" : `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}

function isFolder(name: string): boolean {
  return name.endsWith("/");
}
