// Telling protocols apart on the main port, by the first bytes alone (docs/dialects.md "The main port"). Pure: the adapter
// keeps the bytes and the time, and asks again when either has changed.

import { sniff as limits } from "../limits.ts";

export type Verdict =
  | { kind: "wait"; untilMs: number | undefined }
  | { kind: "native" }
  | { kind: "cpp" }
  /** Plain text: open-chat's words; `framed` if the first message has a line end. */
  | { kind: "text"; framed: boolean }
  /** Another protocol that has no business here; `answer` is all it gets. */
  | { kind: "foreign"; answer: string }
  /** Nothing has come for a while: ask for a name, once, and go on. */
  | { kind: "prompt" };

const cppWords = ["REGISTER", "BRIDGE", "CHAT", "QUIT"];
const httpLine = /^(?:[A-Z]{3,20}) [^\r\n]* HTTP\/\d/;
// Enough by itself: no name has a blank, and a request line that is too long to be held back must not get past.
const httpMethod = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PRI) /;

/** What is known of a connection that has not been told apart. */
export type Beginning = {
  bytes: Uint8Array;
  /** Since the connection came, and since its first byte; milliseconds. */
  silentMs: number;
  sinceFirstByteMs: number;
  /** The other side has sent its FIN. */
  ended: boolean;
  prompted: boolean;
  /** What web browsers are told to use instead. */
  webPort: number | undefined;
};

export function sniff(beginning: Beginning): Verdict {
  const { bytes, ended } = beginning;
  if (bytes.length === 0) return silence(beginning);
  const answer = foreignAnswer(bytes, beginning.webPort);
  if (answer !== undefined) return { kind: "foreign", answer };
  const text = Buffer.from(bytes.subarray(0, limits.maxBytes)).toString("latin1");
  const full = ended || bytes.length >= limits.maxBytes;
  const late = beginning.sinceFirstByteMs >= limits.unframedAfterMs;

  if (/^\{[ \t]*"/.test(text)) return { kind: "native" };
  const word = cppWord(text);
  if (word === "whole") return { kind: "cpp" };
  if (text.includes("\n")) return { kind: "text", framed: true };
  if (ended) return { kind: "text", framed: false };
  // A beginning of something that the next segment may complete.
  const open = /^\{[ \t]*$/.test(text) || word === "beginning";
  if (late && !(open && beginning.sinceFirstByteMs < openWaitMs)) {
    return { kind: "text", framed: false };
  }
  if (full) return { kind: "text", framed: false };
  return { kind: "wait", untilMs: late ? openWaitMs : limits.unframedAfterMs };
}

/** What begins like CPP or JSON but is not complete yet gets a little longer than a name. */
const openWaitMs = 300;

function silence({ silentMs, prompted, ended }: Beginning): Verdict {
  if (ended) return { kind: "text", framed: true };
  if (prompted) return { kind: "wait", untilMs: undefined };
  if (silentMs >= limits.promptAfterMs) return { kind: "prompt" };
  return { kind: "wait", untilMs: limits.promptAfterMs };
}

function cppWord(text: string): "whole" | "beginning" | "none" {
  for (const word of cppWords) {
    if (text.startsWith(word)) {
      const rest = text.slice(word.length);
      if (rest.startsWith("\n") || rest.startsWith("\r\n")) return "whole";
      if (rest === "" || rest === "\r") return "beginning";
    } else if (word.startsWith(text)) {
      return "beginning";
    }
  }
  return "none";
}

/**
 * What a client of another protocol is told that has no business on any port of ours, before the end; undefined for all others.
 * Above all HTTP: a hostile page can make a browser send lines of its choice, after this one.
 */
export function foreignAnswer(bytes: Uint8Array, webPort: number | undefined): string | undefined {
  if (bytes[0] === 0x16 && bytes[1] === 0x03) {
    return "This port does not speak TLS: connect without it\n";
  }
  const text = Buffer.from(bytes.subarray(0, limits.maxBytes)).toString("latin1");
  if (text.startsWith("SSH-")) {
    return "This is a parley chat server, not SSH: use another port\n";
  }
  if (!httpMethod.test(text) && !httpLine.test(text)) return undefined;
  const where = webPort === undefined ? "this server has none" : `it is on port ${webPort}`;
  const body = `This port is not for web browsers; the page: ${where}\n`;
  return `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}
