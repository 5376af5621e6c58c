// The wire protocol of each server: joining, sending, and counting its messages without parsing
// them.

/** The parts of a wire protocol that a load generator needs. */
export type Wire = {
  /** The first data from a client. */
  join(name: string, room: string): string;
  /** Sent by the server when the client receives the room's messages. */
  joined: string;
  /**
   * The kind of sender: a member that receives its own messages, one that does not, or a connection
   * that is not a member.
   */
  sayer: "echoed" | "silent" | "outside";
  /** A text (printable ASCII) to everyone; `n` counts the sender's messages from 1. */
  say(text: string, n: number, room: string): string;
  /** For one member: counts the messages in the next received bytes. */
  counter(): (bytes: Uint8Array) => number;
  /** A private text of any size to one member, if supported. */
  tell?(to: string, text: string, n: number): string;
};

/** Each message is a fixed number of lines, and there is nothing else. */
const lines = (perMessage: number) => () => {
  let seen = 0;
  return (bytes: Uint8Array): number => {
    const before = Math.floor(seen / perMessage);
    seen += countLines(bytes);
    return Math.floor(seen / perMessage) - before;
  };
};

/** A line is a message, several messages of one sender, or something else. */
function nativeMessages(): (bytes: Uint8Array) => number {
  let rest = "";
  return (bytes) => {
    const lines = (rest + Buffer.from(bytes).toString()).split("\n");
    rest = lines.pop()!;
    let count = 0;
    for (const line of lines) {
      if (line.startsWith('{"type":"message",')) count++;
      else if (line.startsWith('{"type":"messages",')) {
        count += (JSON.parse(line) as { texts: string[] }).texts.length;
      }
    }
    return count;
  };
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++;
  return count;
}

function resp(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}

export const wires = {
  plain: {
    join: (name) => `${name}\n`,
    joined: "has joined the chat!",
    sayer: "echoed",
    say: (text) => `${text}\n`,
    counter: lines(1),
    tell: (to, text) => `~${to} ${text}\n`,
  },
  native: {
    join: (name, room) =>
      `{"type":"hello","version":2,"name":"${name}","rooms":[{"room":"${room}"}],"runs":true}\n`,
    joined: '"type":"welcome"',
    sayer: "echoed",
    say: (text, n, room) => `{"type":"say","n":${n},"room":"${room}","text":"${text}"}\n`,
    counter: nativeMessages,
    tell: (to, text, n) => `{"type":"tell","n":${n},"to":["${to}"],"text":"${text}"}\n`,
  },
  nats: {
    join: (_name, room) =>
      `CONNECT {"verbose":false,"pedantic":false,"echo":true}\r\nSUB ${room} 1\r\nPING\r\n`,
    joined: "PONG",
    sayer: "echoed",
    say: (text, _n, room) => `PUB ${room} ${text.length}\r\n${text}\r\n`,
    counter: lines(2),
  },
  redis: {
    join: (_name, room) => resp("SUBSCRIBE", room),
    joined: "subscribe",
    sayer: "outside",
    say: (text, _n, room) => resp("PUBLISH", room, text),
    counter: lines(7),
  },
  irc: {
    join: (name, room) => `NICK ${name}\r\nUSER ${name} 0 * :n\r\nJOIN #${room}\r\n`,
    joined: " 366 ",
    sayer: "silent",
    say: (text, _n, room) => `PRIVMSG #${room} :${text}\r\n`,
    counter: lines(1),
  },
} as const satisfies Record<string, Wire>;

export type WireName = keyof typeof wires;
