// line-chat (S3): the first line is the name, every later line goes to everyone else. What its server sends begins with a line
// end as well as ending with one. Pure.

import type { Command, PersonalEvent, RoomEvent } from "../chat/events.ts";
import { showsNothing } from "../text.ts";
import { Consent } from "./consent.ts";
import type { Conversation, Dialect } from "../chat/dialect.ts";
import { sentence } from "./sentences.ts";

function renderRoom(event: RoomEvent): string {
  switch (event.type) {
    case "said":
      return `\n${event.from}: ${event.text}\n`;
    case "joined":
      return `\n${event.name} joined the chat:\n`;
    case "left":
      return `\n${event.name} left the chat:\n`;
    case "renamed":
      return `\n${event.from} is called ${event.to} now:\n`;
  }
}

class LineChatConversation implements Conversation {
  #named = false;
  readonly #consent = new Consent();

  greeting(): readonly string[] {
    return [];
  }

  receive(line: string): Command | undefined {
    if (!this.#named) {
      this.#named = true;
      return { type: "login", name: line.trim() };
    }
    if (showsNothing(line)) return undefined;
    return this.#consent.read(line) ?? { type: "say", text: line };
  }

  render(event: PersonalEvent): string | undefined {
    this.#consent.hear(event);
    if (event.type === "private") return `\n${event.from} (private): ${event.text}\n`;
    if (event.type === "refused") {
      this.#named = false;
      return `\n${event.message}. The next line is your name:\n`;
    }
    const text = sentence(event);
    return text === undefined ? undefined : `\n${text}\n`;
  }
}

export const lineChat: Dialect = {
  name: "line-chat",
  input: "lines",
  output: "stream",
  hearsAfterEnd: true,
  echo: { said: false, joined: false },
  terminal: {
    started: (host, port) => `Server now running on ip: ${host}:${port}`,
    said: (from, text) => `${from}: ${text}`,
  },
  renderRoom,
  open: () => new LineChatConversation(),
};
