// The field to join a room: a combobox that suggests the server's rooms. It keeps its text until
// the room has been joined; problems are shown below it.

import { byId, h, setProblem, syncChildren } from "../dom.ts";
import { joinableRooms, roomNamed, type State } from "../state.ts";

export type RoomPickerActions = {
  join: (room: string) => void;
  /** The suggestions are needed. */
  load: () => void;
  /** The text has changed. */
  clearProblem: () => void;
};

/** Maximum number of suggestions; typing narrows them down. */
const maxOptions = 8;

export class RoomPicker {
  readonly #field = byId("room-name", HTMLInputElement);
  readonly #submit = byId("room-join", HTMLButtonElement);
  readonly #problem = byId("room-problem", HTMLElement);
  readonly #list = byId("room-options", HTMLUListElement);
  readonly #actions: RoomPickerActions;
  #state: State | undefined;
  #rooms: readonly string[] = [];
  /** Index of the highlighted suggestion, or -1. */
  #active = -1;
  #isOpen = false;
  /** The room that was requested. Once it is joined, the field is cleared. */
  #submitted: string | undefined;

  constructor(actions: RoomPickerActions) {
    this.#actions = actions;
    byId("join-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#join(this.#rooms[this.#active] ?? this.#field.value.trim());
    });
    this.#field.addEventListener("focus", () => this.#open());
    this.#field.addEventListener("click", () => this.#open());
    this.#field.addEventListener("blur", () => this.#close());
    this.#field.addEventListener("input", () => {
      actions.clearProblem();
      this.#active = -1;
      this.#open();
    });
    this.#field.addEventListener("keydown", (event) => this.#keyPressed(event));
  }

  render(state: State): void {
    this.#state = state;
    this.#field.disabled = state.phase === "offline";
    this.#submit.disabled = state.phase === "offline";
    setProblem(this.#field, this.#problem, state.joinProblem);
    if (state.joinProblem !== "") this.#submitted = undefined;
    if (this.#submitted !== undefined && roomNamed(state, this.#submitted) !== undefined) {
      this.#submitted = undefined;
      this.#field.value = "";
    }
    if (this.#isOpen) this.#renderOptions();
  }

  #join(room: string): void {
    this.#close();
    if (room === "") return this.#field.focus();
    this.#field.value = room;
    this.#submitted = room;
    this.#actions.join(room);
  }

  #open(): void {
    this.#isOpen = true;
    this.#actions.load();
    this.#renderOptions();
  }

  #close(): void {
    this.#isOpen = false;
    this.#active = -1;
    this.#renderOptions();
  }

  #keyPressed(event: KeyboardEvent): void {
    const { key } = event;
    if (key === "Escape" && this.#isOpen && this.#rooms.length > 0) {
      // Do not close the sidebar, too.
      event.stopPropagation();
      this.#close();
    } else if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (!this.#isOpen) this.#open();
      this.#move(key === "ArrowDown" ? 1 : -1);
    }
  }

  /** Cycles through the suggestions and the field itself (-1). */
  #move(by: number): void {
    const places = this.#rooms.length + 1;
    this.#active = ((this.#active + 1 + by + places) % places) - 1;
    this.#renderOptions();
  }

  #renderOptions(): void {
    const state = this.#state;
    const found =
      this.#isOpen && state !== undefined ? joinableRooms(state, this.#field.value.trim()) : [];
    const shown = found.slice(0, maxOptions);
    this.#rooms = shown.map(({ room }) => room);
    this.#active = Math.min(this.#active, this.#rooms.length - 1);
    syncChildren(
      this.#list,
      shown.map(({ room, members }, i) => this.#option(room, members, i)),
    );
    this.#list.hidden = shown.length === 0;
    this.#field.setAttribute("aria-expanded", String(shown.length > 0));
    if (this.#active < 0) this.#field.removeAttribute("aria-activedescendant");
    else this.#field.setAttribute("aria-activedescendant", optionId(this.#active));
    this.#list.children[this.#active]?.scrollIntoView({ block: "nearest" });
  }

  #option(room: string, members: number, i: number): HTMLLIElement {
    const people = `${members} ${members === 1 ? "person" : "people"}`;
    const option = h(
      "li",
      { id: optionId(i), role: "option", "aria-selected": String(i === this.#active), title: room },
      h("span", { class: "room-name" }, room),
      h("span", { class: "count" }, people),
    );
    // Not `click`: the field would lose the focus first and hide the suggestions.
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.#join(room);
    });
    return option;
  }
}

function optionId(i: number): string {
  return `room-option-${i}`;
}
