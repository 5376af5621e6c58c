// Lines about the server itself; they need nothing from the hub. Pure.

import { matchesMask } from "../../chat/people/mask.ts";
import { fold } from "../../chat/names/grammar.ts";
import type { IrcLine } from "./line.ts";
import { nameOf } from "./names.ts";
import type { Line, Self } from "./self.ts";

/** Which parameter of a command names the server that is asked (RFC 2812, section 3.4). */
const serverParams: ReadonlyMap<string, number> = new Map([
  ["ADMIN", 0],
  ["INFO", 0],
  ["LUSERS", 1],
  ["MOTD", 0],
  ["STATS", 1],
  ["TIME", 0],
  ["VERSION", 0],
]);

/** The server that a command asks, by name, mask or nick, if it is another one than this. */
export function otherServer(self: Self, { command, params }: IrcLine): string | undefined {
  const server = params[serverParams.get(command) ?? -1];
  if (server === undefined || server === "" || fold(nameOf(server)) === fold(self.name))
    return undefined;
  return matchesMask(server, self.server.name) ? undefined : server;
}

/** Undefined if there is no such command. */
export function infoLines(self: Self, { command, params }: IrcLine): readonly Line[] | undefined {
  const { name, version } = self.server;
  switch (command) {
    case "VERSION":
      return [self.words("351", `parley-${version}`, name, "https://modern.ircdocs.horse")];
    case "ADMIN":
      return [
        self.numeric("256", name, "Administrative info"),
        self.numeric("257", "A parley server: ask its operators in the rooms"),
      ];
    case "INFO":
      return [
        self.numeric(
          "371",
          `parley ${version}: a chat server with several protocols, IRC among them`,
        ),
        self.numeric("371", "Rooms are channels: the lobby is #lobby"),
        self.numeric("374", "End of /INFO list"),
      ];
    case "HELP":
    case "HELPOP":
      return helpLines(self, params[0] ?? "");
    default:
      return undefined;
  }
}

const topics: Readonly<Record<string, readonly string[]>> = {
  INDEX: [
    "Channels are the rooms of this server; #lobby is for everybody.",
    "Topics: CHANNELS, NAMES, OPERATORS",
  ],
  CHANNELS: [
    "JOIN #room creates a room; the first to join is its operator.",
    "MODE #room: +i +k +l +m +n +s +t +b +o +v. CHATHISTORY LATEST #room * 50 shows its past.",
  ],
  NAMES: [
    "A registered name needs its password: SASL PLAIN over TLS, or PASS.",
    "Names are registered with `parley client` or on the page.",
  ],
  OPERATORS: ["OPER NAME PASSWORD, then PARLEY HELP lists the commands of operators."],
};

/** Commands that every client knows need no help text here. */
const standard =
  /^(?:AUTHENTICATE|AWAY|CAP|CHATHISTORY|INVITE|ISON|JOIN|KICK|KILL|LIST|LUSERS|MODE|MONITOR|MOTD|NAMES|NICK|NOTICE|OPER|PART|PASS|PING|PRIVMSG|QUIT|SETNAME|TAGMSG|TIME|TOPIC|USER|USERHOST|VERSION|WHO|WHOIS|WHOWAS)$/;

function commandHelp(subject: string): readonly string[] | undefined {
  if (!standard.test(subject)) return undefined;
  return [`${subject} is as in https://modern.ircdocs.horse`, "and docs/irc.md of parley"];
}

function helpLines(self: Self, topic: string): readonly Line[] {
  const subject = topic === "" ? "INDEX" : topic.toUpperCase();
  const texts = Object.hasOwn(topics, subject) ? topics[subject] : commandHelp(subject);
  if (texts === undefined) return [self.numeric("524", topic, "No help available on this topic")];
  const [first = "", ...more] = texts;
  const shown = topic === "" ? "index" : topic;
  return [
    self.numeric("704", shown, first),
    ...more.map((text) => self.numeric("705", shown, text)),
    self.numeric("706", shown, "End of /HELP"),
  ];
}
