// The user, and the members of the current room.

import { drawAvatar } from "../avatar.ts";
import { byId, h, iconButton, setText, syncChildren } from "../dom.ts";
import { currentDraft, type Draft, type Room, shownRoom, type State } from "../state.ts";

export type PeopleListActions = {
  toggleRecipient: (name: string) => void;
  invite: (name: string) => void;
};

type Row = { node: HTMLLIElement; isSelf: boolean; write: HTMLButtonElement | undefined };

export class PeopleList {
  readonly #list = byId("people", HTMLUListElement);
  readonly #count = byId("people-count", HTMLElement);
  readonly #more = byId("people-more", HTMLElement);
  readonly #presence = byId("presence", HTMLElement);
  readonly #avatar = byId("self-avatar", HTMLElement);
  readonly #actions: PeopleListActions;
  #rows = new Map<string, Row>();
  #people: Room["people"] = [];
  #name = "";
  #recipients: Draft["recipients"] = [];

  constructor(actions: PeopleListActions) {
    this.#actions = actions;
  }

  render(state: State): void {
    const room = shownRoom(state);
    const people = room?.people ?? [];
    const total = room?.peopleTotal ?? 0;
    if (this.#name !== state.name) this.#avatar.replaceChildren(drawAvatar(state.name));
    setText(this.#presence, state.phase === "online" ? `online as ${state.name}` : "offline");
    setText(this.#count, String(total));
    const unlisted = room?.isListed === true ? total - people.length : 0;
    this.#more.hidden = unlisted <= 0;
    setText(this.#more, `and ${unlisted} more`);
    const { recipients } = currentDraft(state);
    const isListSame = people === this.#people && state.name === this.#name;
    if (isListSame && recipients === this.#recipients) return;
    this.#people = people;
    this.#name = state.name;
    this.#recipients = recipients;
    if (!isListSame) this.#renderRows(people, state.name);
    for (const [name, row] of this.#rows) {
      row.write?.setAttribute("aria-pressed", String(recipients.includes(name)));
    }
  }

  #renderRows(people: readonly string[], self: string): void {
    const rows = people.map((name): [string, Row] => {
      const known = this.#rows.get(name);
      const isSelf = name === self;
      return [name, known?.isSelf === isSelf ? known : this.#newRow(name, isSelf)];
    });
    this.#rows = new Map(rows);
    syncChildren(
      this.#list,
      Array.from(this.#rows.values(), ({ node }) => node),
    );
  }

  #newRow(name: string, isSelf: boolean): Row {
    const label = h("span", { class: "who", title: name }, name);
    const attributes = { class: "person", "data-person": isSelf ? undefined : name };
    const node = h("li", attributes, drawAvatar(name), label);
    if (isSelf) {
      label.append(h("span", { class: "you" }, " (you)"));
      return { node, isSelf, write: undefined };
    }
    const write = iconButton("reply", `Write to ${name} privately`);
    const invite = iconButton("private-chat", `Invite ${name} to a private chat`);
    write.addEventListener("click", () => this.#actions.toggleRecipient(name));
    invite.addEventListener("click", () => this.#actions.invite(name));
    node.append(write, invite);
    return { node, isSelf, write };
  }
}
