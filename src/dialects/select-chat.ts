// select-chat: messages to chosen recipients, private chat by consent, and a user list after every
// change. The client sends without line endings; the server sends one line per send, because the
// original page treats each receive as one message. Pure.

import type { Command, PersonalEvent, RoomEvent } from "../chat/events.ts";
import { emoteText, isEmote, privateText } from "./emote.ts";
import { harmless, showsNothing } from "../text.ts";
import { message as limits } from "../limits.ts";
import { Consent, consentWords } from "./consent.ts";
import { NameLogin } from "./name-login.ts";
import type { SaidRun } from "../chat/rooms/said-run.ts";
import type { Conversation, Dialect, Peer, RosterStyle } from "../chat/dialect.ts";
import { runLines } from "./run-lines.ts";
import { roomSentence } from "./room-sentences.ts";
import { sentence } from "./sentences.ts";

const namePrompt = "enter name: ";
const passwordPrompt = "enter password: ";
const usage = "use: recipient[,recipient] - message\n";
const separator = " - ";
/** The `ref` of a lone name: if nobody has that name, the answer is the usage line. */
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

function renderRun(run: SaidRun): string {
  return runLines(run, isEmote(run) ? `* ${run.from} ` : `${run.from} : ALL - `);
}

function renderRoom(event: RoomEvent): string | undefined {
  switch (event.type) {
    case "said":
      return isEmote(event) ? `${emoteText(event)}\n` : `${event.from} : ALL - ${event.text}\n`;
    case "joined":
      return `${event.name} joined the chat\n`;
    case "left":
      return `${event.name} left the chat\n`;
    case "renamed":
      return `${event.from} is called ${event.to} now\n`;
    default: {
      const text = roomSentence(event);
      return text === undefined ? undefined : `${text}\n`;
    }
  }
}

class SelectChatConversation implements Conversation {
  readonly #login = new NameLogin();
  #self = "";
  readonly #consent = new Consent();

  greeting(): readonly string[] {
    return ["welcome to the chat\n", namePrompt];
  }

  receive(message: string): Command | undefined {
    const answer = this.#login.readAnswer(message);
    if (answer !== undefined) return answer;
    const word = message.length > 16 ? "" : message.trim().toLowerCase();
    if (!this.#login.isSent) {
      if (word === "exit") return { type: "quit" };
      return this.#login.withName({ type: "login", name: message.trim(), assign: true });
    }
    if (word === "exit") return { type: "quit" };
    if (word === "leave") return { type: "leave" };
    if (this.#consent.isChatting) {
      return showsNothing(message) ? undefined : { type: "say", text: message, to: "partner" };
    }
    if (word === "accept" || word === "reject") return { type: word };
    return readTell(message) ?? readInvite(message) ?? { type: "reply", text: usage };
  }

  render(event: PersonalEvent): string | readonly string[] | undefined {
    this.#consent.handleEvent(event);
    switch (event.type) {
      case "welcome":
      case "name":
        this.#self = event.name;
        return undefined;
      case "refused":
        return [
          `${event.message}\n`,
          this.#login.handleRefusal(event) === "name" ? namePrompt : passwordPrompt,
        ];
      case "question":
        this.#login.handleQuestion();
        return `${event.text}: `;
      case "private":
        return `${event.from} : ${this.#self} - ${privateText(event)}\n`;
      case "motd":
        return event.text.split("\n").map((line) => `${line}\n`);
      case "error":
        if (event.code === "unknown-user" && event.ref === inviteRef) return usage;
        if (event.code === "unknown-user" && event.subject !== undefined) {
          // The name as written, without characters that could forge a line.
          return `user not found: ${harmless(event.subject)}\n`;
        }
    }
    const text = sentence(event);
    return text === undefined ? undefined : `${text}\n`;
  }
}

/** Parses `Ben,Cal - text`; undefined for anything else. */
function readTell(message: string): Command | undefined {
  const at = message.indexOf(separator);
  if (at < 0) return undefined;
  const text = message.slice(at + separator.length);
  // One more than the limit is enough for the hub to refuse the message.
  const names = message.slice(0, at).split(",", limits.maxRecipients + 1);
  const to = names.map((name) => name.trim()).filter((name) => name !== "");
  return to.length === 0 || showsNothing(text) ? undefined : { type: "tell", to, text };
}

/** Parses a lone name. Only the hub knows whether anybody has it. */
function readInvite(message: string): Command | undefined {
  const name = message.trim();
  return /^[^\s,]+$/.test(name) ? { type: "invite", to: name, ref: inviteRef } : undefined;
}

export const selectChat: Dialect = {
  name: "select-chat",
  reservedWords: [...consentWords, "exit", "__users__", "ALL"],
  input: "auto",
  output: "message",
  asks: true,
  // A client may sleep before its first receive, and treats each receive as one message.
  greetingGapMs: 100,
  sendGapMs: 40,
  echo: { said: false, joined: false },
  roster,
  renderRoom,
  renderRun,
  open: (_peer: Peer) => new SelectChatConversation(),
};
