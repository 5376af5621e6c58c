// open-chat (S1): a room with private messages and files, one send a message without line end. Also what the main port speaks
// to people at `nc`. Pure: bytes are cut elsewhere, and downloads themselves are in open-chat-download.ts.

import { fold } from "../../chat/names/grammar.ts";
import { quoted, showsNothing } from "../../text.ts";
import type { Command, PersonalEvent, RoomEvent } from "../../chat/events.ts";
import { Consent } from "../consent.ts";
import type {
  Conversation,
  Dialect,
  Peer,
  RosterStyle,
  ServerTerminal,
} from "../../chat/dialect.ts";
import { listedFiles } from "./listed-files.ts";
import { sentence } from "../sentences.ts";

const roster: RosterStyle = {
  shared: false,
  when: { joined: "after", left: "after", renamed: "after" },
  skipRenamed: true,
  render: renderRoster,
};

/** The list of all names is built once; a member's own is that list without its own name, two cuts and no loop. */
function renderRoster(names: readonly string[]): (self: string) => string {
  const starts = new Map<string, number>();
  let all = "ALL ";
  for (const name of names) {
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

/** What the server's terminal says when a download is about to be served. */
export const downloadStarted = "[UDP STARTED] Waiting for connections...";

function renderRoom(event: RoomEvent): string {
  switch (event.type) {
    case "said":
      return `${event.from}: ${event.text}`;
    case "joined":
      return `${event.name} has joined the chat!`;
    case "left":
      return `${event.name} left the chat...`;
    case "renamed":
      return `${event.from} changed his name to ${event.to}!`;
  }
}

/** What may be a command and not just talk: most messages are told apart by this alone. */
const words = /^(?:~|(?:show|get_list_file|download_file|CHANGENAME|\{quit\})(?:\s|$))/;

class OpenChatConversation implements Conversation {
  /** False until a login is under way. */
  #named = false;
  /** The name as the hub knows it, from `welcome` on. */
  #self = "";
  readonly #consent = new Consent();

  greeting(): readonly string[] {
    return [];
  }

  prompt(): string {
    return "Enter your name:";
  }

  receive(message: string): Command | undefined {
    if (!this.#named) {
      const name = message.trim();
      if (name === "{quit}") return { type: "quit" };
      this.#named = true;
      return { type: "login", name };
    }
    if (showsNothing(message)) return undefined;
    return this.#consent.read(message) ?? this.#word(message);
  }

  render(event: PersonalEvent): string | undefined {
    this.#consent.hear(event);
    switch (event.type) {
      case "welcome":
        this.#self = event.name;
        return undefined;
      case "name":
        // the room's `renamed` tells its own member too
        this.#self = event.name;
        return undefined;
      case "refused":
        this.#named = false;
        return `${event.message}. Send a name:`;
      case "private":
        return `${event.from}: (PRIVATE)  ${event.text}`;
      case "sent":
        return `from you to ${event.to.join(",")}: (PRIVATE)  ${event.text}`;
      case "names":
        return renderRoster(event.names)(this.#self);
      case "files":
        return `<CHOOSE_FILE> ${Array.from(listedFiles(event.files).keys(), (name) => `${name} `).join("")}`;
      case "download":
        return `UDP ${event.port} ${event.sizeBytes} ${event.name}`;
      default:
        return sentence(event);
    }
  }

  /** Words count as the first word of a message only. */
  #word(message: string): Command {
    if (!words.test(message)) return { type: "say", text: message };
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
        return { type: "say", text: message };
    }
  }

  #rename(rest: string): Command {
    const [from = "", to = "", more] = rest.trim().split(/ +/, 3);
    if (to === "" || more !== undefined) return usage("Send: CHANGENAME OLD NEW");
    // nobody renames somebody else
    if (fold(from) !== fold(this.#self)) {
      return usage(
        `Your name is ${this.#self}, not ${quoted(from)}: send CHANGENAME ${this.#self} NEW`,
      );
    }
    return { type: "rename", name: to };
  }
}

function tell(message: string): Command {
  const [name = "", text = ""] = cut(message.slice(1));
  if (name === "" || showsNothing(text)) return usage("To whom, and what? Send: ~NAME text");
  return { type: "tell", to: [name], text };
}

/** The first word and what follows the one blank after it. */
function cut(message: string): [string, string] {
  const blank = message.indexOf(" ");
  return blank < 0 ? [message.trimEnd(), ""] : [message.slice(0, blank), message.slice(blank + 1)];
}

function usage(message: string): Command {
  return { type: "invalid", code: "usage", message };
}

export const openChat: Dialect = {
  name: "open-chat",
  input: "auto",
  output: "message",
  echo: { said: true, joined: true },
  roster,
  terminal,
  renderRoom,
  open: () => new OpenChatConversation(),
};
