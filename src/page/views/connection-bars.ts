// The bars above the conversation: connection problems and private chats.

import { byId, setText } from "../dom.ts";
import type { State } from "../state.ts";

export class ConnectionBar {
  readonly #bar = byId("connection", HTMLElement);
  readonly #text = byId("connection-text", HTMLElement);
  readonly #reconnect = byId("reconnect", HTMLButtonElement);

  constructor(reconnect: () => void) {
    this.#reconnect.addEventListener("click", () => reconnect());
  }

  render(state: State): void {
    const text = connectionText(state);
    this.#bar.hidden = text === "";
    setText(this.#text, text);
    const wasOffered = !this.#reconnect.hidden;
    this.#reconnect.hidden = state.phase !== "offline";
    // What had the focus is of no use now.
    const isLost = document.activeElement?.matches("body, :disabled") === true;
    if (!this.#reconnect.hidden && !wasOffered && isLost) this.#reconnect.focus();
  }
}

export class PrivateChatBar {
  readonly #bar = byId("private-chat", HTMLElement);
  readonly #text = byId("private-chat-text", HTMLElement);
  readonly #accept = byId("accept", HTMLButtonElement);
  readonly #reject = byId("reject", HTMLButtonElement);
  readonly #leave = byId("leave", HTMLButtonElement);

  constructor(answer: (type: "accept" | "reject" | "leave") => void) {
    this.#accept.addEventListener("click", () => answer("accept"));
    this.#reject.addEventListener("click", () => answer("reject"));
    this.#leave.addEventListener("click", () => answer("leave"));
  }

  render({ chat }: State): void {
    const text = privateChatText(chat);
    this.#bar.hidden = text === "";
    setText(this.#text, text);
    this.#accept.hidden = chat.invitedBy === undefined;
    this.#reject.hidden = chat.invitedBy === undefined;
    this.#leave.hidden = chat.partner === undefined;
  }
}

function connectionText({ phase, loginProblem, status }: State): string {
  switch (phase) {
    case "online":
      return "";
    case "offline":
      return loginProblem?.text ?? "You are not connected.";
    case "connecting":
    case "reconnecting":
      return status === "" ? "Connecting …" : status;
  }
}

function privateChatText({ partner, invitedBy, asked }: State["chat"]): string {
  if (partner !== undefined)
    return `Private chat with ${partner}. What you write goes to nobody else.`;
  if (invitedBy !== undefined) return `${invitedBy} invites you to a private chat`;
  return asked === undefined ? "" : `Waiting for ${asked} to accept a private chat`;
}
