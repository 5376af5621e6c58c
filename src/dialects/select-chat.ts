// select-chat (S4): messages to chosen recipients, private chat by consent, a list of users at every change. The client sends
// without line ends, the server in lines. Pure.

import type { Command, PersonalEvent, RoomEvent } from "../chat/events.ts";
import { harmless, showsNothing } from "../text.ts";
import { message as limits } from "../limits.ts";
import { Consent } from "./consent.ts";
import type { Conversation, Dialect, Peer, RosterStyle } from "../chat/dialect.ts";
import { sentence } from "./sentences.ts";

const askName = "enter name: ";
const usage = "use: recipient[,recipient] - message\n";
const separator = " - ";
/** Marks a name that stood alone, so that an unknown one is answered as what it is: not a message of this system. */
const inviteRef = "name alone";

const roster: RosterStyle = {
  shared: true,
  when: { joined: "before", left: "after", renamed: "after" },
  skipRenamed: false,
  render(names) {
    const line = `__users__ ${names.join(",")}\n`;
    return () => line;
  },
};

function renderRoom(event: RoomEvent): string {
  switch (event.type) {
    case "said":
      return `${event.from} : ALL - ${event.text}\n`;
    case "joined":
      return `${event.name} joined the chat\n`;
    case "left":
      return `${event.name} left the chat\n`;
    case "renamed":
      return `${event.from} is called ${event.to} now\n`;
  }
}

class SelectChatConversation implements Conversation {
  #state: "nameless" | "named" = "nameless";
  #self = "";
  readonly #consent = new Consent();

  greeting(): readonly string[] {
    return ["welcome to the chat\n", askName];
  }

  receive(message: string): Command | undefined {
    const word = message.length > 16 ? "" : message.trim().toLowerCase();
    if (this.#state === "nameless") {
      if (word === "exit") return { type: "quit" };
      this.#state = "named";
      return { type: "login", name: message.trim(), assign: true };
    }
    if (word === "exit") return { type: "quit" };
    if (word === "leave") return { type: "leave" };
    if (this.#consent.chatting) {
      return showsNothing(message) ? undefined : { type: "say", text: message, to: "partner" };
    }
    if (word === "accept" || word === "reject") return { type: word };
    return chosen(message) ?? alone(message) ?? { type: "reply", text: usage };
  }

  render(event: PersonalEvent): string | readonly string[] | undefined {
    this.#consent.hear(event);
    switch (event.type) {
      case "welcome":
        this.#self = event.name;
        return undefined;
      case "name":
        this.#self = event.name;
        return undefined;
      case "refused":
        this.#state = "nameless";
        return [`${event.message}\n`, askName];
      case "private":
        return `${event.from} : ${this.#self} - ${event.text}\n`;
      case "error":
        if (event.code === "unknown-user" && event.ref === inviteRef) return usage;
        if (event.code === "unknown-user" && event.subject !== undefined) {
          // as it was asked for, but for what could forge a line
          return `user not found: ${harmless(event.subject)}\n`;
        }
        return `${event.message}\n`;
      default: {
        const text = sentence(event);
        return text === undefined ? undefined : `${text}\n`;
      }
    }
  }
}

/** `Ben,Cal - text`, or undefined if it is something else. */
function chosen(message: string): Command | undefined {
  const at = message.indexOf(separator);
  if (at < 0) return undefined;
  const text = message.slice(at + separator.length);
  // one more than allowed is enough to be told that it is too many
  const names = message.slice(0, at).split(",", limits.maxRecipients + 1);
  const to = names.map((name) => name.trim()).filter((name) => name !== "");
  return to.length === 0 || showsNothing(text) ? undefined : { type: "tell", to, text };
}

/** A name and nothing else. Whether it is somebody's the hub knows. */
function alone(message: string): Command | undefined {
  const name = message.trim();
  return /^[^\s,]+$/.test(name) ? { type: "invite", to: name, ref: inviteRef } : undefined;
}

export const selectChat: Dialect = {
  name: "select-chat",
  input: "auto",
  output: "stream",
  echo: { said: false, joined: false },
  roster,
  renderRoom,
  open: (_peer: Peer) => new SelectChatConversation(),
};
