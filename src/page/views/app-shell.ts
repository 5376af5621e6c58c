// The layout around the conversation: login form or app, heading, sidebar and file panel.

import { byId, setText } from "../dom.ts";
import { shownRoom, type State, unreadElsewhere } from "../state.ts";
import { badgeText } from "./badge.ts";

export class AppShell {
  readonly #login = byId("login", HTMLElement);
  readonly #app = byId("app", HTMLElement);
  readonly #sidebar = byId("sidebar", HTMLElement);
  readonly #menu = byId("menu", HTMLButtonElement);
  readonly #menuBadge = byId("menu-badge", HTMLElement);
  readonly #files = byId("files", HTMLElement);
  readonly #filesToggle = byId("files-toggle", HTMLButtonElement);
  readonly #backdrop = byId("backdrop", HTMLElement);
  readonly #room = byId("room", HTMLElement);
  readonly #note = byId("room-note", HTMLElement);
  readonly #text = byId("text", HTMLTextAreaElement);
  readonly #onlineOnly = ["rename", "disconnect"].map((id) => byId(id, HTMLButtonElement));
  readonly #loadFiles: () => void;

  constructor(loadFiles: () => void) {
    this.#loadFiles = loadFiles;
    byId("skip", HTMLAnchorElement).addEventListener("click", (event) => {
      // After the # of the address there may be a room.
      event.preventDefault();
      this.#text.focus();
    });
    this.#menu.addEventListener("click", () => this.#toggleSidebar(true));
    byId("sidebar-close", HTMLButtonElement).addEventListener("click", () => this.closeSidebar());
    this.#backdrop.addEventListener("click", () => this.closeSidebar());
    this.#filesToggle.addEventListener("click", () => {
      if (this.#files.hidden === true) this.openFiles();
      else this.#closeFiles();
    });
    byId("files-close", HTMLButtonElement).addEventListener("click", () => this.#closeFiles());
    // A wider window shows the sidebar next to the conversation.
    matchMedia("(width < 760px)").addEventListener("change", () => this.closeSidebar());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      if (this.#sidebar.classList.contains("open")) this.closeSidebar();
      else if (this.#files.contains(document.activeElement)) this.#closeFiles();
    });
  }

  closeSidebar(): void {
    if (this.#sidebar.classList.contains("open")) this.#toggleSidebar(false);
  }

  get areFilesOpen(): boolean {
    return this.#files.hidden === false;
  }

  openFiles(): void {
    this.#toggleFiles(true);
    byId("files-close", HTMLButtonElement).focus();
    this.#loadFiles();
  }

  render(state: State): void {
    const wasLoginShown = this.#app.hidden;
    this.#login.hidden = !state.isLoginShown;
    this.#app.hidden = state.isLoginShown;
    this.#app.dataset["phase"] = state.phase;
    if (wasLoginShown && !state.isLoginShown) this.#text.focus();
    for (const control of this.#onlineOnly) control.disabled = state.phase === "offline";
    setText(this.#room, state.shown ?? "No room");
    this.#room.title = state.shown ?? "";
    const note = noteOf(state);
    setText(this.#note, note);
    // A long topic is cut off.
    this.#note.title = note;
    this.#renderMenu(state);
  }

  #renderMenu(state: State): void {
    const { unread, mentions } = unreadElsewhere(state);
    const text = badgeText(mentions > 0 ? mentions : unread);
    const [one, several] = mentions > 0 ? ["mention", "mentions"] : ["unread", "unread"];
    const label = `Rooms and people, ${text} ${text === "1" ? one : several}`;
    this.#menuBadge.hidden = unread === 0;
    this.#menuBadge.classList.toggle("mention", mentions > 0);
    setText(this.#menuBadge, text);
    this.#menu.setAttribute("aria-label", unread === 0 ? "Rooms and people" : label);
  }

  #toggleSidebar(isOpen: boolean): void {
    this.#sidebar.classList.toggle("open", isOpen);
    this.#backdrop.hidden = !isOpen;
    this.#menu.setAttribute("aria-expanded", String(isOpen));
    // Keeps the focus out of everything behind the backdrop.
    byId("conversation", HTMLElement).inert = isOpen;
    if (isOpen) byId("sidebar-close", HTMLButtonElement).focus();
    else this.#menu.focus();
  }

  #closeFiles(): void {
    this.#toggleFiles(false);
    this.#filesToggle.focus();
  }

  #toggleFiles(isOpen: boolean): void {
    this.#files.hidden = !isOpen;
    this.#filesToggle.setAttribute("aria-expanded", String(isOpen));
  }
}

function noteOf(state: State): string {
  if (state.phase !== "online") return "offline";
  const room = shownRoom(state);
  if (room === undefined) return "Join a room to talk";
  const people = room.isListed ? [peopleText(room.peopleTotal - 1)] : [];
  return [...people, ...(room.topic === "" ? [] : [room.topic])].join(" · ");
}

function peopleText(others: number): string {
  if (others <= 0) return "Nobody else is here";
  return others === 1 ? "1 other person" : `${others} other people`;
}
