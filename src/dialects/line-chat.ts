// line-chat: the first line is the name, and every later line goes to everyone else. The server's
// messages begin and end with a newline. Pure.

import type { Command, PersonalEvent, RoomEvent } from "../chat/events.ts";
import { showsNothing } from "../text.ts";
import { Consent, consentWords } from "./consent.ts";
import { emoteText, isEmote, privateText } from "./emote.ts";
import { NameLogin } from "./name-login.ts";
import type { SaidRun } from "../chat/rooms/said-run.ts";
import type { Conversation, Dialect } from "../chat/dialect.ts";
import { runLines } from "./run-lines.ts";
import { roomSentence } from "./room-sentences.ts";
import { sentence } from "./sentences.ts";

function renderRoom(event: RoomEvent): string | undefined {
  switch (event.type) {
    case "said":
      return framed(isEmote(event) ? emoteText(event) : `${event.from}: ${event.text}`);
    case "joined":
      return framed(`${event.name} joined the chat:`);
    case "left":
      return framed(`${event.name} left the chat:`);
    case "renamed":
      return framed(`${event.from} is called ${event.to} now:`);
    default: {
      const text = roomSentence(event);
      return text === undefined ? undefined : framed(text);
    }
  }
}

function renderRun(run: SaidRun): string {
  return runLines(run, isEmote(run) ? `\n* ${run.from} ` : `\n${run.from}: `);
}

function framed(text: string): string {
  return `\n${text}\n`;
}

class LineChatConversation implements Conversation {
  readonly #login = new NameLogin();
  readonly #consent = new Consent(framed);

  greeting(): readonly string[] {
    return [];
  }

  receive(line: string, nowMs = 0): Command | undefined {
    const answer = this.#login.readAnswer(line);
    if (answer !== undefined) return answer;
    if (!this.#login.isSent) return this.#login.withName({ type: "login", name: line.trim() });
    if (showsNothing(line)) return undefined;
    return this.#consent.readWord(line, nowMs) ?? this.#consent.say(line, nowMs);
  }

  render(event: PersonalEvent): string | undefined {
    this.#consent.handleEvent(event);
    if (event.type === "private") return framed(`${event.from} (private): ${privateText(event)}`);
    if (event.type === "question") {
      this.#login.handleQuestion();
      return framed(`${event.text}:`);
    }
    if (event.type === "refused") {
      const asked = this.#login.handleRefusal(event) === "name" ? "your name" : "its password";
      return framed(`${event.message}. The next line is ${asked}:`);
    }
    const text = sentence(event);
    return text === undefined ? undefined : framed(text);
  }
}

export const lineChat: Dialect = {
  name: "line-chat",
  reservedWords: consentWords,
  input: "lines",
  output: "stream",
  hearsAfterEnd: true,
  asks: true,
  echo: { said: false, joined: false },
  terminal: {
    started: (host, port) => `Server now running on ip: ${host}:${port}`,
    said: (from, text) => `${from}: ${text}`,
  },
  renderRoom,
  renderRun,
  open: () => new LineChatConversation(),
};
