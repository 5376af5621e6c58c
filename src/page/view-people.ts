// Who is here, which rooms there are, and who oneself is.

import { drawAvatar } from "./avatar.ts";
import { byId, h, icon, setText } from "./dom.ts";
import { offeredRooms, type State } from "./state.ts";

export type PeopleActions = {
  toggle: (name: string) => void;
  invite: (name: string) => void;
  enter: (room: string) => void;
};

type Row = { node: HTMLLIElement; write: HTMLButtonElement | undefined };

export class PeopleView {
  readonly #people = byId("people", HTMLUListElement);
  readonly #count = byId("people-count", HTMLElement);
  readonly #rooms = byId("rooms", HTMLUListElement);
  readonly #presence = byId("presence", HTMLElement);
  readonly #avatar = byId("self-avatar", HTMLElement);
  readonly #actions: PeopleActions;
  #rows = new Map<string, Row>();
  #shown: State | undefined;

  constructor(actions: PeopleActions) {
    this.#actions = actions;
  }

  render(state: State): void {
    const shown = this.#shown;
    this.#shown = state;
    if (shown?.name !== state.name) this.#avatar.replaceChildren(drawAvatar(state.name));
    setText(this.#presence, state.phase === "online" ? `online as ${state.name}` : "offline");
    setText(this.#count, String(state.peopleTotal));
    if (shown?.people !== state.people || shown.name !== state.name) this.#drawPeople(state);
    if (
      shown?.rooms !== state.rooms ||
      shown.room !== state.room ||
      shown.peopleTotal !== state.peopleTotal
    ) {
      this.#drawRooms(state);
    }
    if (shown?.to === state.to && shown.people === state.people) return;
    for (const [name, row] of this.#rows) {
      row.write?.setAttribute("aria-pressed", String(state.to.includes(name)));
    }
  }

  #drawPeople(state: State): void {
    const rows = new Map<string, Row>();
    for (const name of state.people) {
      const known = this.#rows.get(name);
      const isSelf = name === state.name;
      const fits = known !== undefined && (known.write === undefined) === isSelf;
      rows.set(name, fits ? known : this.#row(name, isSelf));
    }
    this.#rows = rows;
    const focused = document.activeElement;
    this.#people.replaceChildren(...[...rows.values()].map((row) => row.node));
    // A person who stands on a button keeps it while others come and go.
    if (focused instanceof HTMLElement && this.#people.contains(focused)) focused.focus();
  }

  #row(name: string, isSelf: boolean): Row {
    const node = h("li", { class: "person" }, drawAvatar(name));
    const who = h("span", { class: "who", title: name }, name);
    node.append(who);
    if (isSelf) {
      who.append(h("span", { class: "you" }, " (you)"));
      return { node, write: undefined };
    }
    const write = iconButton("reply", `Write to ${name} alone`);
    const invite = iconButton("lock", `Ask ${name} for a private chat`);
    write.addEventListener("click", () => this.#actions.toggle(name));
    invite.addEventListener("click", () => this.#actions.invite(name));
    node.append(write, invite);
    return { node, write };
  }

  #drawRooms(state: State): void {
    const focused = document.activeElement;
    const focusedRoom = focused instanceof HTMLElement ? focused.dataset["room"] : undefined;
    const buttons = offeredRooms(state).map(({ room, members }) => {
      // The other rooms are counted now and then; this one we hear.
      const isHere = room === state.room;
      return this.#roomButton(room, isHere ? state.peopleTotal : members, isHere);
    });
    this.#rooms.replaceChildren(...buttons.map((button) => h("li", {}, button)));
    buttons.find((button) => button.dataset["room"] === focusedRoom)?.focus();
  }

  #roomButton(room: string, members: number, isHere: boolean): HTMLButtonElement {
    const current = isHere ? "true" : undefined;
    const button = h("button", { type: "button", "aria-current": current, "data-room": room });
    button.append(h("span", {}, room));
    if (members > 0) {
      const people = `${members} ${members === 1 ? "person" : "people"}`;
      button.append(h("span", { class: "count", title: people }, String(members)));
    }
    button.addEventListener("click", () => this.#actions.enter(room));
    return button;
  }
}

function iconButton(name: string, label: string): HTMLButtonElement {
  return h(
    "button",
    { class: "ghost", type: "button", "aria-label": label, title: label },
    icon(name),
  );
}
