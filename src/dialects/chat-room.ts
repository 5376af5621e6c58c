// chat-room: the server asks for a handle, and clients prefix every line, including the handle,
// with `:NAME:`. Pure.

import { names } from "../limits.ts";
import { showsNothing } from "../text.ts";
import type { Command, LoginCommand, PersonalEvent, RoomEvent } from "../chat/events.ts";
import { Consent, consentWords } from "./consent.ts";
import { emoteText, isEmote, privateText } from "./emote.ts";
import { NameLogin } from "./name-login.ts";
import type { SaidRun } from "../chat/rooms/said-run.ts";
import type { Conversation, Dialect } from "../chat/dialect.ts";
import { runLines } from "./run-lines.ts";
import { roomSentence } from "./room-sentences.ts";
import { sentence } from "./sentences.ts";

/** The longest name that can be shown, in UTF-16 code units. */
const maxAliasUnits = 2 * names.maxChars;

const handlePrompt = "Please, Enter Your ig name";
const passwordPrompt = "Please, Enter Your password";

/** `:NAME:HANDLE`, as chat-room shows a user. Users of other dialects have a name only. */
function person(name: string, alias: string | undefined): string {
  return `:${alias ?? name}:${name}`;
}

function renderRoom(event: RoomEvent): string | undefined {
  switch (event.type) {
    case "said":
      return isEmote(event)
        ? emoteText(event, event.alias)
        : `:${event.alias ?? event.from}:${event.text}`;
    case "joined":
      return `new user ${person(event.name, event.alias)} joined \n`;
    case "left":
      return `${person(event.name, event.alias)} left chat`;
    case "renamed":
      return `user ${event.from} is called ${event.to} now`;
    default:
      return roomSentence(event);
  }
}

function renderRun(run: SaidRun): string {
  const who = run.alias ?? run.from;
  return runLines(run, isEmote(run) ? `* ${who} ` : `:${who}:`);
}

class ChatRoomConversation implements Conversation {
  readonly #login = new NameLogin();
  /** The `:NAME:` prefix of every line from the client, as first sent with the handle. */
  #prefix = "";
  #shownAs = "";
  readonly #consent = new Consent();

  greeting(): readonly string[] {
    return [handlePrompt];
  }

  receive(message: string, nowMs = 0): Command | undefined {
    const text = this.#withoutPrefix(message);
    const answer = this.#login.readAnswer(text);
    if (answer !== undefined) return answer;
    if (!this.#login.isSent) return this.#login.withName(this.#readName(message));
    if (showsNothing(text)) return undefined;
    return this.#consent.readWord(text, nowMs) ?? this.#consent.say(text, nowMs);
  }

  render(event: PersonalEvent): string | readonly string[] | undefined {
    this.#consent.handleEvent(event);
    switch (event.type) {
      case "welcome":
        this.#shownAs = event.alias ?? event.name;
        return `new user ${person(event.name, event.alias)} connected!\n`;
      case "refused":
        return [
          `${event.message}\n`,
          this.#login.handleRefusal(event) === "name" ? handlePrompt : passwordPrompt,
        ];
      case "question":
        this.#login.handleQuestion();
        return event.text;
      case "private":
        return `:${event.alias ?? event.from}:(private) ${privateText(event)}`;
      case "sent":
        // chat-room clients see their own lines.
        return `:${this.#shownAs}:(private, to ${event.to.join(",")}) ${event.text}`;
      default:
        return sentence(event);
    }
  }

  #withoutPrefix(message: string): string {
    return message.startsWith(this.#prefix) ? message.slice(this.#prefix.length) : message;
  }

  #readName(message: string): LoginCommand {
    const [whole = "", name = ""] = /^:([^:]*):/.exec(message) ?? [];
    this.#prefix = whole;
    const handle = message.slice(whole.length).trim();
    const alias = name.trim();
    // The hub validates aliases; one this long is never valid.
    return alias === "" || alias.length > maxAliasUnits
      ? { type: "login", name: handle }
      : { type: "login", name: handle, alias };
  }
}

export const chatRoom: Dialect = {
  name: "chat-room",
  reservedWords: consentWords,
  input: "auto",
  output: "message",
  asks: true,
  echo: { said: true, joined: true },
  terminal: {
    connected: (peer) => `Connected ('${peer.address}', ${peer.port})`,
    named: (name, alias) => `new user name is ${person(name, alias)}!`,
  },
  renderRoom,
  renderRun,
  open: () => new ChatRoomConversation(),
};
