// How each server is spoken to: joining, saying, and how its messages are counted without parsing them.

/** One way of speaking, as much of it as a load generator needs. */
export type Wire = {
  /** What a client sends first. */
  join(name: string, room: string): string;
  /** Comes back when the client hears the room. */
  joined: string;
  /** Who says: a member that hears itself, one that does not, or a connection that is no member. */
  sayer: "echoed" | "silent" | "outside";
  /** A text (printable ASCII) to everyone; `n` counts the sender's messages from 1. */
  say(text: string, n: number, room: string): string;
  /** Line ends in one message as a member receives it. */
  linesPerMessage: number;
  /** A private text of any size to one member, where there is such a thing. */
  tell?(to: string, text: string, n: number): string;
};

function resp(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}

export const wires = {
  plain: {
    join: (name) => `${name}\n`,
    joined: "has joined the chat!",
    sayer: "echoed",
    say: (text) => `${text}\n`,
    linesPerMessage: 1,
    tell: (to, text) => `~${to} ${text}\n`,
  },
  native: {
    join: (name, room) => `{"type":"hello","version":1,"name":"${name}","room":"${room}"}\n`,
    joined: '"type":"welcome"',
    sayer: "echoed",
    say: (text, n) => `{"type":"say","n":${n},"text":"${text}"}\n`,
    linesPerMessage: 1,
    tell: (to, text, n) => `{"type":"tell","n":${n},"to":["${to}"],"text":"${text}"}\n`,
  },
  nats: {
    join: (_name, room) =>
      `CONNECT {"verbose":false,"pedantic":false,"echo":true}\r\nSUB ${room} 1\r\nPING\r\n`,
    joined: "PONG",
    sayer: "echoed",
    say: (text, _n, room) => `PUB ${room} ${text.length}\r\n${text}\r\n`,
    linesPerMessage: 2,
  },
  redis: {
    join: (_name, room) => resp("SUBSCRIBE", room),
    joined: "subscribe",
    sayer: "outside",
    say: (text, _n, room) => resp("PUBLISH", room, text),
    linesPerMessage: 7,
  },
  irc: {
    join: (name, room) => `NICK ${name}\r\nUSER ${name} 0 * :n\r\nJOIN #${room}\r\n`,
    joined: " 366 ",
    sayer: "silent",
    say: (text, _n, room) => `PRIVMSG #${room} :${text}\r\n`,
    linesPerMessage: 1,
  },
} as const satisfies Record<string, Wire>;

export type WireName = keyof typeof wires;
