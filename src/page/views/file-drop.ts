// The ways to send files: dropped on a person in the list or on the conversation, pasted into the
// message field, or picked with the paper clip. They go to the same recipients as messages: to
// people, or to the room.

import { byId } from "../dom.ts";
import { currentDraft, type State } from "../state.ts";

export type FileDropActions = {
  send: (to: readonly string[], files: readonly File[], isPasted: boolean) => void;
  /** For everyone in a room. */
  share: (room: string, files: readonly File[], isPasted: boolean) => void;
  /** Shows why nothing was sent. */
  refuse: (problem: string) => void;
};

/** The recipients of files: people, or without any of them everyone in a room. */
type Audience = { readonly people: readonly string[]; readonly room: string | undefined };

const marked = "dropping";

export class FileDrop {
  readonly #clip = byId("attach", HTMLButtonElement);
  readonly #input = byId("attach-files", HTMLInputElement);
  readonly #conversation = byId("conversation", HTMLElement);
  readonly #hint = byId("drop-hint", HTMLElement);
  readonly #actions: FileDropActions;
  /** The recipients of messages typed now; empty: the room. */
  #people: readonly string[] = [];
  #room: string | undefined;
  /** The recipients of the files being picked: the recipients of messages may change meanwhile. */
  #chosen: Audience | undefined;
  /** The element under the dragged files. */
  #target: Element | undefined;

  constructor(actions: FileDropActions) {
    this.#actions = actions;
    this.#clip.addEventListener("click", () => this.#pick());
    this.#input.addEventListener("change", () => {
      const files = [...(this.#input.files ?? [])];
      // Allows to pick the same file again.
      this.#input.value = "";
      if (files.length > 0) this.#send(this.#chosen ?? this.#audience, files);
      this.#chosen = undefined;
    });
    byId("text", HTMLTextAreaElement).addEventListener("paste", (event) => this.#paste(event));
    // On the whole document: a file dropped elsewhere must not replace the page.
    document.addEventListener("dragover", (event) => this.#drag(event));
    document.addEventListener(
      "dragleave",
      (event) => event.relatedTarget === null && this.#mark(undefined),
    );
    document.addEventListener("drop", (event) => this.#drop(event));
  }

  render(state: State): void {
    const { partner } = state.chat;
    const { recipients } = currentDraft(state);
    this.#people = partner === undefined ? recipients : [partner];
    this.#room = state.shown;
    const label = labelOf(this.#people, this.#room);
    this.#clip.setAttribute("aria-label", label);
    this.#clip.title = label;
    this.#clip.disabled = state.phase === "offline";
  }

  /** Lets the user choose files for those people; call it in a user action. */
  chooseFor(people: readonly string[]): void {
    this.#choose({ people, room: undefined });
  }

  #choose(audience: Audience): void {
    this.#chosen = audience;
    this.#input.click();
  }

  #pick(): void {
    if (this.#people.length === 0 && this.#room === undefined) this.#actions.refuse(nowhere);
    else this.#choose(this.#audience);
  }

  #paste(event: ClipboardEvent): void {
    const { clipboardData } = event;
    const files = [...(clipboardData?.files ?? [])];
    // Copied text may contain a picture of itself.
    if (files.length === 0 || clipboardData?.types.includes("text/plain") === true) return;
    event.preventDefault();
    this.#send(this.#audience, files, true);
  }

  #drag(event: DragEvent): void {
    if (!hasFiles(event) || event.defaultPrevented) return;
    const target = this.#targetOf(event);
    event.preventDefault();
    if (event.dataTransfer !== null)
      event.dataTransfer.dropEffect = target === undefined ? "none" : "copy";
    this.#mark(target?.element);
  }

  #drop(event: DragEvent): void {
    this.#mark(undefined);
    if (!hasFiles(event) || event.defaultPrevented) return;
    event.preventDefault();
    const target = this.#targetOf(event);
    if (target === undefined) return;
    const dropped = [...(event.dataTransfer?.items ?? [])].filter(({ kind }) => kind === "file");
    const files = dropped.flatMap((item) => fileOf(item) ?? []);
    this.#send({ people: target.people, room: this.#room }, files);
    if (files.length > 0 && files.length < dropped.length) this.#actions.refuse(noFolders);
  }

  /** The person or the conversation under the pointer. */
  #targetOf(event: DragEvent): { element: Element; people: readonly string[] } | undefined {
    if (!(event.target instanceof Element) || this.#clip.disabled) return undefined;
    const row = event.target.closest<HTMLElement>("#people [data-person]");
    const name = row?.dataset["person"];
    if (row !== null && name !== undefined) return { element: row, people: [name] };
    const isOnConversation = this.#conversation.contains(event.target);
    if (!isOnConversation || (this.#people.length === 0 && this.#room === undefined)) {
      return undefined;
    }
    return { element: this.#conversation, people: this.#people };
  }

  #mark(target: Element | undefined): void {
    if (target === this.#target) return;
    this.#target?.classList.remove(marked);
    target?.classList.add(marked);
    this.#target = target;
    this.#hint.hidden = target !== this.#conversation;
    this.#hint.textContent =
      this.#people.length > 0
        ? `Drop the files to offer them to ${this.#people.join(", ")}`
        : `Drop the files to share them with everybody in ${this.#room}`;
  }

  /** The recipients of messages typed now. */
  get #audience(): Audience {
    return { people: this.#people, room: this.#room };
  }

  #send({ people, room }: Audience, files: readonly File[], isPasted = false): void {
    if (people.length > 0) return this.#actions.send(people, files, isPasted);
    if (room === undefined) this.#actions.refuse(nowhere);
    else this.#actions.share(room, files, isPasted);
  }
}

const nowhere = "You are not in a room. Join one, or choose who the files are for.";

const noFolders = "Folders were left out: a browser can only send files.";

function labelOf(people: readonly string[], room: string | undefined): string {
  if (people.length > 0) return `Send files to ${people.join(", ")}`;
  return room === undefined ? "Send files" : `Share files with ${room}`;
}

function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes("Files") === true;
}

/** Null for a folder, which a page could not send. */
function fileOf(item: DataTransferItem): File | null {
  return item.webkitGetAsEntry()?.isDirectory === true ? null : item.getAsFile();
}
