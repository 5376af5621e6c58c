// Who the session is according to the server: its name and its private chat. Pure.

import type { ServerMessage } from "../protocol/messages.ts";
import { chatAfter, chatRenamed, noChat } from "./private-chat-state.ts";

export class Identity {
  #name: string | undefined;
  #chat = noChat;

  constructor(name: string | undefined) {
    this.#name = name;
  }

  get name(): string | undefined {
    return this.#name;
  }

  /** The current private-chat partner. */
  get partner(): string | undefined {
    return this.#chat.partner;
  }

  /** The connection was lost, and any private chat with it. */
  handleLost(): void {
    this.#chat = noChat;
  }

  handleMessage(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.#name = message.session?.name ?? this.#name;
        return;
      case "name":
        this.#name = message.name;
        return;
      case "renamed":
        if (message.from === this.#name) this.#name = message.to;
        this.#chat = chatRenamed(this.#chat, message.from, message.to);
        return;
      case "chat":
        this.#chat = chatAfter(this.#chat, message.state, message.with);
        return;
      default:
    }
  }
}
