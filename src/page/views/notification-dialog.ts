// The dialog for the notification settings of this browser: whether at all, and per room. Only a
// click in this dialog asks the browser for permission.

import { byId, dialogById, h, setText, syncChildren } from "../dom.ts";
import { type Level, levelOf, levels } from "../notification-settings.ts";
import type { State } from "../state.ts";

export type NotificationActions = {
  /** Asks the browser, unless it has been asked. */
  toggle: () => void;
  choose: (room: string, level: Level) => void;
  close: () => void;
};

const words: Readonly<Record<Level, string>> = {
  all: "All messages",
  mentions: "Mentions only",
  none: "Nothing",
};

type Row = { node: HTMLLIElement; select: HTMLSelectElement };

export class NotificationDialog {
  readonly #dialog: HTMLDialogElement;
  readonly #toggle = byId("notify-toggle", HTMLInputElement);
  readonly #note = byId("notify-note", HTMLElement);
  readonly #rooms = byId("notify-rooms", HTMLUListElement);
  readonly #actions: NotificationActions;
  #rows = new Map<string, Row>();

  constructor(actions: NotificationActions) {
    this.#actions = actions;
    this.#dialog = dialogById("notify-dialog", () => actions.close());
    this.#toggle.addEventListener("change", () => actions.toggle());
  }

  render({ isNotifyShown, notifications, permission, rooms }: State): void {
    if (!isNotifyShown) return this.#dialog.close();
    const isOn = notifications.isWanted && permission === "granted";
    this.#toggle.checked = isOn;
    this.#toggle.disabled = permission === "unsupported" || permission === "denied";
    setText(this.#note, noteOf(permission));
    const rows = rooms.map(
      ({ name }) => [name, this.#rows.get(name) ?? this.#newRow(name)] as const,
    );
    this.#rows = new Map(rows);
    for (const [name, { select }] of rows) {
      select.value = levelOf(notifications, name);
      select.disabled = !isOn;
    }
    syncChildren(
      this.#rooms,
      rows.map(([, { node }]) => node),
    );
    // Now that it is known what can have the focus.
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #newRow(room: string): Row {
    const options = levels.map((level) => h("option", { value: level }, words[level]));
    const select = h("select", { "aria-label": `Notifications from ${room}` }, ...options);
    select.addEventListener("change", () => {
      const level = levels.find((level) => level === select.value);
      if (level !== undefined) this.#actions.choose(room, level);
    });
    const name = h("span", { class: "room-name", title: room }, room);
    return { node: h("li", { class: "notify-room" }, name, select), select };
  }
}

function noteOf(permission: State["permission"]): string {
  switch (permission) {
    case "unsupported":
      return "This browser can't show notifications from here: they need HTTPS.";
    case "denied":
      return "The browser blocks notifications from here. Allow them in its settings for this page.";
    case "default":
      return "The browser will ask you for permission.";
    case "granted":
      return "Shown while you are in another tab or window. Private messages and invitations always notify you.";
  }
}
