// The joined rooms with their unread counts, and buttons to leave them.

import { byId, h, iconButton, setText, syncChildren } from "../dom.ts";
import { orderedRooms, type Room, type State } from "../state.ts";
import { badgeText, unreadText } from "./badge.ts";

export type RoomListActions = {
  show: (room: string) => void;
  part: (room: string) => void;
};

type Row = {
  node: HTMLLIElement;
  button: HTMLButtonElement;
  badge: HTMLElement;
  words: HTMLElement;
  part: HTMLButtonElement;
};

export class RoomList {
  readonly #list = byId("rooms", HTMLUListElement);
  readonly #count = byId("rooms-count", HTMLElement);
  readonly #actions: RoomListActions;
  #rows = new Map<string, Row>();
  #rendered: State | undefined;

  constructor(actions: RoomListActions) {
    this.#actions = actions;
  }

  render(state: State): void {
    const last = this.#rendered;
    this.#rendered = state;
    const isSame =
      last?.rooms === state.rooms && last.shown === state.shown && last.phase === state.phase;
    if (isSame) return;
    const rooms = orderedRooms(state);
    this.#rows = new Map(
      rooms.map(({ name }) => [name, this.#rows.get(name) ?? this.#newRow(name)]),
    );
    for (const room of rooms) {
      const row = this.#rows.get(room.name);
      if (row !== undefined) renderRow(row, room, state);
    }
    setText(this.#count, String(rooms.length));
    const isLeft = this.#list.contains(document.activeElement);
    syncChildren(
      this.#list,
      Array.from(this.#rows.values(), ({ node }) => node),
    );
    const row = this.#rows.get(state.shown ?? "");
    // The button that had the focus has gone with its room.
    if (isLeft && !this.#list.contains(document.activeElement)) row?.button.focus();
    if (last?.shown !== state.shown) row?.node.scrollIntoView({ block: "nearest" });
  }

  #newRow(name: string): Row {
    const badge = h("span", { class: "badge", "aria-hidden": "true", hidden: true });
    const words = h("span", { class: "unseen" });
    const label = h("span", { class: "room-name" }, name);
    const button = h(
      "button",
      { type: "button", title: name, "data-room": name },
      label,
      badge,
      words,
    );
    const part = iconButton("close", `Leave ${name}`);
    button.addEventListener("click", () => this.#actions.show(name));
    part.addEventListener("click", () => this.#actions.part(name));
    const node = h("li", { class: "room" }, button, part);
    return { node, button, badge, words, part };
  }
}

function renderRow(row: Row, { name, unread, mentions }: Room, state: State): void {
  if (name === state.shown) row.button.setAttribute("aria-current", "true");
  else row.button.removeAttribute("aria-current");
  row.button.classList.toggle("unread", unread > 0);
  row.badge.hidden = unread === 0;
  row.badge.classList.toggle("mention", mentions > 0);
  setText(row.badge, mentions > 0 ? `@${badgeText(mentions)}` : badgeText(unread));
  setText(row.words, unread === 0 ? "" : `, ${unreadText(unread, mentions)}`);
  row.part.disabled = state.phase === "offline";
}
