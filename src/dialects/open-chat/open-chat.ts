// open-chat: a room with private messages and files; one send is one message, without line endings.
// The variant with /help is what the main port speaks to people using `nc`. Pure; downloads are in
// download.ts.

import { fold } from "../../chat/names/grammar.ts";
import { names } from "../../limits.ts";
import { quoted, showsNothing } from "../../text.ts";
import type { Command, PersonalEvent, RoomEvent } from "../../chat/events.ts";
import { Consent, consentWords } from "../consent.ts";
import { emoteText, isEmote, privateText } from "../emote.ts";
import { NameLogin } from "../name-login.ts";
import type {
  Conversation,
  Dialect,
  Peer,
  RosterStyle,
  ServerTerminal,
} from "../../chat/dialect.ts";
import { listedFiles } from "./listed-files.ts";
import type { SaidRun } from "../../chat/rooms/said-run.ts";
import { runLines } from "../run-lines.ts";
import { roomSentence } from "../room-sentences.ts";
import { sentence } from "../sentences.ts";

const roster: RosterStyle = {
  shared: false,
  when: { joined: "after", left: "after", renamed: "after" },
  skipRenamed: true,
  render: renderRoster,
};

/** Renders the roster once; each member receives it with its own name cut out. */
function renderRoster(people: readonly string[]): (self: string) => string {
  const starts = new Map<string, number>();
  let all = "ALL ";
  for (const name of people) {
    starts.set(name, all.length);
    all += `${name} `;
  }
  return (self) => {
    const start = starts.get(self);
    return start === undefined ? all : all.slice(0, start) + all.slice(start + self.length + 1);
  };
}

const terminal: ServerTerminal = {
  started: () => "[STARTED] Waiting for connections...",
  connected: (peer: Peer, timeMs: number) =>
    `[CONNECTION] ('${peer.address}', ${peer.port}) connected to the server at ${timeMs / 1000}`,
  gone: (name) => `[DISCONNECTED] ${name} disconnected`,
};

/** Printed by the server when it accepts a download. */
export const downloadStarted = "[UDP STARTED] Waiting for connections...";

function renderRoom(event: RoomEvent): string | undefined {
  switch (event.type) {
    case "said":
      return isEmote(event) ? emoteText(event) : `${event.from}: ${event.text}`;
    case "joined":
      return `${event.name} has joined the chat!`;
    case "left":
      return `${event.name} left the chat...`;
    case "renamed":
      return `${event.from} changed his name to ${event.to}!`;
    default:
      return roomSentence(event);
  }
}

function renderRun(run: SaidRun): string {
  return runLines(run, isEmote(run) ? `* ${run.from} ` : `${run.from}: `);
}

/** open-chat's commands, reserved so that nobody can use one as a name. */
const words = ["show", "get_list_file", "download_file", "CHANGENAME"] as const;
/** A quick test that rules out commands for most messages. */
const mayBeCommand = /^(?:~|(?:show|get_list_file|download_file|CHANGENAME|\{quit\})(?:\s|$))/;

/** `/help`, as people at a terminal expect, but not `/etc/hosts` or `/`. */
const slashCommand = /^\s*\/(\w+|\?)(?:\s|$)/;
const help = [
  "What you type is said to everyone. These are commands:",
  "  ~NAME TEXT            say something to NAME alone",
  "  show                  who is here",
  "  CHANGENAME OLD NEW    another name for you",
  "  get_list_file         list the server's files; parley fetch-file gets them",
  "  {quit}                leave",
].join("\n");

class OpenChatConversation implements Conversation {
  readonly #hasHelp: boolean;
  readonly #login = new NameLogin();
  /** The name as sent; from `welcome` on, the name assigned by the hub. */
  #self = "";
  readonly #consent = new Consent();

  /** `hasHelp`: slash commands are answered instead of being sent to the room. */
  constructor(hasHelp: boolean) {
    this.#hasHelp = hasHelp;
  }

  greeting(): readonly string[] {
    return [];
  }

  prompt(): string {
    return "Enter your name:";
  }

  receive(message: string, nowMs = 0): Command | undefined {
    const answer = this.#login.readAnswer(message);
    if (answer !== undefined) return answer;
    if (!this.#login.isSent) {
      const name = message.trim();
      if (name === "{quit}") return { type: "quit" };
      if (this.#hasHelp && slashCommand.test(name)) {
        return { type: "reply", text: "Send a name first, then /help says what you can do:" };
      }
      // Replies may be rendered before the welcome. A longer name will be refused in any case.
      this.#self = name.slice(0, 2 * names.maxChars);
      return this.#login.withName({ type: "login", name });
    }
    if (showsNothing(message)) return undefined;
    const slash = this.#hasHelp ? this.#readSlashCommand(message) : undefined;
    return slash ?? this.#consent.readWord(message, nowMs) ?? this.#readCommand(message, nowMs);
  }

  render(event: PersonalEvent): string | readonly string[] | undefined {
    this.#consent.handleEvent(event);
    switch (event.type) {
      case "welcome":
      case "name":
        // After a rename, the member also receives the room's `renamed` event.
        this.#self = event.name;
        return undefined;
      case "refused":
        return this.#login.handleRefusal(event) === "name"
          ? `${event.message}. Send a name:`
          : `${event.message}. Send its password:`;
      case "question":
        this.#login.handleQuestion();
        return `${event.text}:`;
      case "private":
        return `${event.from}: (PRIVATE)  ${privateText(event)}`;
      case "sent":
        return `from you to ${event.to.join(",")}: (PRIVATE)  ${event.text}`;
      case "names":
        return renderRoster(event.names)(this.#self);
      case "files":
        return listFiles(event);
      case "download":
        return `UDP ${event.port} ${event.sizeBytes} ${event.name}`;
      default:
        return sentence(event);
    }
  }

  #readSlashCommand(message: string): Command | undefined {
    const word = slashCommand.exec(message)?.[1]?.toLowerCase();
    switch (word) {
      case undefined:
        return undefined;
      case "help":
      case "?":
        return { type: "reply", text: help };
      case "who":
        return { type: "names" };
      case "quit":
      case "exit":
        return { type: "quit" };
      default:
        return usage(`There is no command ${quoted(`/${word}`)}: /help lists the commands`);
    }
  }

  /** A command can only be the first word of a message. */
  #readCommand(message: string, nowMs: number): Command {
    if (!mayBeCommand.test(message)) return this.#consent.say(message, nowMs);
    if (message.startsWith("~")) return tell(message);
    const [word, rest] = cut(message);
    switch (word) {
      case "show":
        return { type: "names" };
      case "get_list_file":
        return { type: "files" };
      case "download_file":
        return rest.trim() === ""
          ? usage("Which file? Send: download_file NAME")
          : { type: "download", name: rest.trim() };
      case "CHANGENAME":
        return this.#rename(rest);
      case "{quit}":
        return { type: "quit" };
      default:
        return this.#consent.say(message, nowMs);
    }
  }

  #rename(rest: string): Command {
    const [from = "", to = "", more] = rest.trim().split(/ +/, 3);
    if (to === "" || more !== undefined) return usage("Send: CHANGENAME OLD NEW");
    // The original lets anyone rename anyone.
    if (fold(from) !== fold(this.#self)) {
      return usage(
        `Your name is ${this.#self}, not ${quoted(from)}: send CHANGENAME ${this.#self} NEW`,
      );
    }
    return { type: "rename", name: to };
  }
}

/** The list as one message; if it is incomplete, a second message says so. */
function listFiles({ files, next }: Extract<PersonalEvent, { type: "files" }>): readonly string[] {
  const entries = Array.from(listedFiles(files).keys(), (name) => `${name} `);
  const list = `<CHOOSE_FILE> ${entries.join("")}`;
  return next === undefined
    ? [list]
    : [list, `The list ends after ${files.length} files: there are more on the server`];
}

function tell(message: string): Command {
  const [name = "", text = ""] = cut(message.slice(1));
  if (name === "" || showsNothing(text)) return usage("To whom, and what? Send: ~NAME text");
  return { type: "tell", to: [name], text };
}

/** The first word, and everything after the single space that follows it. */
function cut(message: string): [string, string] {
  const space = message.indexOf(" ");
  return space < 0 ? [message.trimEnd(), ""] : [message.slice(0, space), message.slice(space + 1)];
}

function usage(message: string): Command {
  return { type: "invalid", code: "usage", message };
}

export const openChat: Dialect = {
  name: "open-chat",
  // At the start of a line, ALL and UDP would look like a user list and a download's answer.
  reservedWords: [...words, ...consentWords, "ALL", "UDP"],
  input: "auto",
  output: "message",
  asks: true,
  echo: { said: true, joined: true },
  roster,
  terminal,
  renderRoom,
  renderRun,
  open: () => new OpenChatConversation(false),
};

/** open-chat on the main port, with help for people without a client. */
export const openChatWithHelp: Dialect = {
  ...openChat,
  open: () => new OpenChatConversation(true),
};
