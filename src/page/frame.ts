// What frames the talk: the door or the house, the head line, and the two panels at the sides.

import { byId, setText } from "./dom.ts";
import type { State } from "./state.ts";

export class Frame {
  readonly #door = byId("door", HTMLElement);
  readonly #house = byId("house", HTMLElement);
  readonly #side = byId("side", HTMLElement);
  readonly #menu = byId("menu", HTMLButtonElement);
  readonly #files = byId("files", HTMLElement);
  readonly #filesOpen = byId("files-open", HTMLButtonElement);
  readonly #shade = byId("shade", HTMLElement);
  readonly #room = byId("room", HTMLElement);
  readonly #note = byId("where-note", HTMLElement);
  readonly #text = byId("text", HTMLTextAreaElement);
  readonly #onlineOnly = ["rename", "disconnect", "room-enter"].map((id) =>
    byId(id, HTMLButtonElement),
  );

  constructor(loadFiles: () => void) {
    this.#menu.addEventListener("click", () => this.#showSide(true));
    byId("side-close", HTMLButtonElement).addEventListener("click", () => this.closeSide());
    this.#shade.addEventListener("click", () => this.closeSide());
    this.#filesOpen.addEventListener("click", () => {
      this.#showFiles(this.#files.hidden === true);
      if (this.#files.hidden === false) loadFiles();
    });
    byId("files-close", HTMLButtonElement).addEventListener("click", () => {
      this.#showFiles(false);
      this.#filesOpen.focus();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      if (this.#side.classList.contains("open")) this.closeSide();
      else if (this.#files.contains(document.activeElement)) {
        this.#showFiles(false);
        this.#filesOpen.focus();
      }
    });
  }

  closeSide(): void {
    if (this.#side.classList.contains("open")) this.#showSide(false);
  }

  render(state: State): void {
    const wasOut = this.#house.hidden;
    this.#door.hidden = !state.atDoor;
    this.#house.hidden = state.atDoor;
    this.#house.dataset["phase"] = state.phase;
    if (wasOut && !state.atDoor) this.#text.focus();
    for (const control of this.#onlineOnly) control.disabled = state.phase === "out";
    setText(this.#room, state.room);
    setText(this.#note, noteOf(state));
  }

  #showSide(isOpen: boolean): void {
    this.#side.classList.toggle("open", isOpen);
    this.#shade.hidden = !isOpen;
    this.#menu.setAttribute("aria-expanded", String(isOpen));
    // Behind the shade nothing can be reached.
    byId("talk", HTMLElement).inert = isOpen;
    if (isOpen) byId("side-close", HTMLButtonElement).focus();
    else this.#menu.focus();
  }

  #showFiles(isOpen: boolean): void {
    this.#files.hidden = !isOpen;
    this.#filesOpen.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) byId("files-close", HTMLButtonElement).focus();
  }
}

function noteOf(state: State): string {
  if (state.phase !== "online") return "offline";
  const others = state.peopleTotal - 1;
  if (others <= 0) return `online as ${state.name}, nobody else here yet`;
  return `online as ${state.name} with ${others} ${others === 1 ? "other" : "others"}`;
}
