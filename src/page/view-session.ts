// Coming, going, being someone: the form at the door, the line about the connection, invitations, a new name.

import { byId, setText } from "./dom.ts";
import { lobby, type State } from "./state.ts";

export class Door {
  readonly #name = byId("name", HTMLInputElement);
  readonly #room = byId("door-room", HTMLInputElement);
  readonly #connect = byId("connect", HTMLButtonElement);
  readonly #problem = byId("door-problem", HTMLElement);
  #wasThere = false;

  constructor(enter: (name: string, room: string) => void) {
    this.#name.placeholder = `user-${randomSigns(6)}`;
    byId("door-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.#name.value.trim() || this.#name.placeholder;
      enter(name, this.#room.value.trim() || lobby);
    });
  }

  render(state: State): void {
    const isWaiting = state.phase === "connecting";
    this.#connect.disabled = isWaiting && state.problem === "";
    setText(this.#connect, isWaiting ? "Connecting …" : "Connect");
    setText(this.#problem, state.problem);
    this.#name.setAttribute("aria-invalid", String(state.problem !== "" && !isWaiting));
    if (state.atDoor && !this.#wasThere) {
      if (state.name !== "") this.#name.value = state.name;
      this.#room.value = state.room;
      this.#name.select();
    }
    this.#wasThere = state.atDoor;
  }
}

export class StatusLine {
  readonly #line = byId("status", HTMLElement);
  readonly #text = byId("status-text", HTMLElement);
  readonly #again = byId("reconnect", HTMLButtonElement);
  readonly #invitation = byId("invitation", HTMLElement);
  readonly #invitationText = byId("invitation-text", HTMLElement);
  readonly #accept = byId("accept", HTMLButtonElement);
  readonly #reject = byId("reject", HTMLButtonElement);
  readonly #leave = byId("leave", HTMLButtonElement);

  constructor(actions: {
    answer: (type: "accept" | "reject" | "leave") => void;
    reconnect: () => void;
  }) {
    this.#again.addEventListener("click", () => actions.reconnect());
    this.#accept.addEventListener("click", () => actions.answer("accept"));
    this.#reject.addEventListener("click", () => actions.answer("reject"));
    this.#leave.addEventListener("click", () => actions.answer("leave"));
  }

  render(state: State): void {
    const text = statusOf(state);
    this.#line.hidden = text === "";
    setText(this.#text, text);
    this.#again.hidden = state.phase !== "out";
    const { partner, invitedBy } = state.chat;
    const invitation = invitationOf(state);
    this.#invitation.hidden = invitation === "";
    setText(this.#invitationText, invitation);
    this.#accept.hidden = invitedBy === undefined;
    this.#reject.hidden = invitedBy === undefined;
    this.#leave.hidden = partner === undefined;
  }
}

function statusOf(state: State): string {
  if (state.phase === "out") return state.problem || "You are not connected.";
  if (state.phase === "online") return "";
  return state.status || "Connecting …";
}

function invitationOf({ chat: { partner, asked, invitedBy } }: State): string {
  if (partner !== undefined) return `Private chat with ${partner}`;
  if (invitedBy !== undefined) return `${invitedBy} asks you for a private chat`;
  return asked === undefined ? "" : `Waiting for ${asked} to accept a private chat`;
}

export class RenameDialog {
  readonly #dialog = byId("rename-dialog", HTMLDialogElement);
  readonly #name = byId("new-name", HTMLInputElement);
  readonly #problem = byId("rename-problem", HTMLElement);

  constructor(actions: { rename: (name: string) => void; close: () => void }) {
    byId("rename-cancel", HTMLButtonElement).addEventListener("click", () => actions.close());
    // Escape closes it without asking us.
    this.#dialog.addEventListener("close", () => actions.close());
    byId("rename-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.#name.value.trim();
      if (name !== "") actions.rename(name);
    });
  }

  /** It stays open until the new name is ours: why it is not stands below it. */
  render({ renaming, name }: State): void {
    const isWanted = renaming !== undefined;
    setText(this.#problem, renaming?.problem ?? "");
    this.#name.setAttribute("aria-invalid", String(isWanted && renaming.problem !== ""));
    if (isWanted === this.#dialog.open) return;
    if (!isWanted) return this.#dialog.close();
    this.#name.value = name;
    this.#dialog.showModal();
    this.#name.select();
  }
}

function randomSigns(count: number): string {
  const signs = "abcdefghjkmnpqrstuvwxyz23456789";
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return Array.from(bytes, (byte) => signs[byte % signs.length]).join("");
}
