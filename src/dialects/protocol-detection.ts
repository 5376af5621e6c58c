// Detects the protocol of a main-port connection from its first bytes (docs/dialects.md "The main
// port"). Pure: the adapter owns the bytes and the clock, and asks again when either has changed.

import { openingTypes } from "../cpp/codec.ts";
import { sniff as limits, tls } from "../limits.ts";

export type Detection =
  | { kind: "wait"; untilMs: number | undefined }
  | { kind: "native" }
  /** TLS; the protocol inside it has yet to be detected. */
  | { kind: "tls" }
  | { kind: "cpp" }
  | { kind: "irc" }
  /** Plain text, hence open-chat; `framed` if the first message contains a line ending. */
  | { kind: "text"; framed: boolean }
  /** A protocol that is not served here; `answer` is the only reply. */
  | { kind: "foreign"; answer: string }
  /** The client is silent: prompt for a name, once, and keep waiting. */
  | { kind: "prompt" };

const httpLine = /^(?:[A-Z]{3,20}) [^\r\n]* HTTP\/\d/;
// A method alone is enough: no name contains a space, and a request line longer than the buffer
// must not slip through.
const httpMethod = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PRI) /;

/** What is known about a connection whose protocol is still undetected. */
export type Beginning = {
  bytes: Uint8Array;
  /** Milliseconds since the connection was opened and since its first byte. */
  silentMs: number;
  sinceFirstByteMs: number;
  /** The peer has sent FIN. */
  ended: boolean;
  prompted: boolean;
  /** The port that browsers are referred to. */
  webPort: number | undefined;
  /** The port has a TLS key, and this connection is not inside TLS already. */
  offersTls: boolean;
  /** The client may continue without TLS. */
  admitsPlain: boolean;
};

export function detectProtocol(beginning: Beginning): Detection {
  const { bytes, ended } = beginning;
  if (bytes.length === 0) return silence(beginning);
  if (beginning.offersTls && bytes[0] === tlsHandshake) {
    if (bytes[1] === tlsMajor) return { kind: "tls" };
    const mayFollow = bytes.length === 1 && beginning.sinceFirstByteMs < tls.handshakeMs;
    if (mayFollow && !ended) return { kind: "wait", untilMs: tls.handshakeMs };
  }
  const answer = foreignAnswer(bytes, beginning.webPort);
  if (answer !== undefined) return { kind: "foreign", answer };
  if (!beginning.admitsPlain) {
    return { kind: "foreign", answer: plainRefusal(formOf(bytes)) };
  }
  const text = textOf(bytes);
  const full = ended || bytes.length >= limits.maxBytes;
  const late = beginning.sinceFirstByteMs >= limits.unframedAfterMs;

  if (/^\{[ \t]*"/.test(text)) return { kind: "native" };
  if (ircStart.test(text)) return { kind: "irc" };
  const word = cppType(text);
  if (word === "whole") return { kind: "cpp" };
  if (text.includes("\n")) return { kind: "text", framed: true };
  if (ended) return { kind: "text", framed: false };
  // The next segment may complete it.
  const isIrcBeginning = ircCommands.some((command) => command.startsWith(text));
  const open = /^\{[ \t]*$/.test(text) || word === "beginning" || isIrcBeginning;
  if (late && !(open && beginning.sinceFirstByteMs < openWaitMs)) {
    return { kind: "text", framed: false };
  }
  if (full) return { kind: "text", framed: false };
  return { kind: "wait", untilMs: late ? openWaitMs : limits.unframedAfterMs };
}

/** How an IRC client begins. No name contains a space. */
const ircStart = /^(?:CAP|NICK|USER|PASS) /;
const ircCommands = ["CAP", "NICK", "USER", "PASS"];

/** The first bytes of a TLS record (RFC 8446 §5.1): its type, and the major version. */
const tlsHandshake = 0x16;
const tlsMajor = 0x03;
const openingBrace = 0x7b;

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, limits.maxBytes)).toString("latin1");
}

function formOf(bytes: Uint8Array): "native" | "irc" | "text" {
  if (bytes[0] === openingBrace) return "native";
  return ircStart.test(textOf(bytes)) ? "irc" : "text";
}

/** The answer to a plain-text client where TLS is required, as its protocol says it. */
export function plainRefusal(form: "native" | "irc" | "text"): string {
  const reason = "This server requires TLS from other machines";
  const orPlain = "or ask its operator to start it with --plain";
  if (form === "irc") return ircRefusal(`${reason}: connect with TLS, ${orPlain}`);
  if (form === "text") return `${reason}: connect with \`parley client\`, ${orPlain}\n`;
  const message = `${reason}: connect without --plain (by TLS), or ask its operator to start it with --plain`;
  return `${JSON.stringify({ type: "error", code: "tls-required", message })}\n`;
}

/** What ends an IRC connection (RFC 2812 §3.7.4). */
export function ircRefusal(message: string): string {
  return `ERROR :${message}\r\n`;
}

/** A prefix of a CPP type, an IRC command or JSON gets more time to complete than a name. */
const openWaitMs = 300;

function silence({ silentMs, prompted, ended, admitsPlain }: Beginning): Detection {
  if (ended && !admitsPlain) return { kind: "foreign", answer: plainRefusal("text") };
  if (ended) return { kind: "text", framed: true };
  if (prompted) return { kind: "wait", untilMs: undefined };
  if (silentMs >= limits.promptAfterMs) return { kind: "prompt" };
  return { kind: "wait", untilMs: limits.promptAfterMs };
}

function cppType(text: string): "whole" | "beginning" | "none" {
  for (const word of openingTypes) {
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
 * The only answer to a client whose protocol this port does not speak; undefined for all other
 * clients. HTTP matters most: a hostile page can make a browser send lines of its choice after the
 * request line.
 */
export function foreignAnswer(bytes: Uint8Array, webPort: number | undefined): string | undefined {
  if (bytes[0] === tlsHandshake && bytes[1] === tlsMajor) {
    return "This port does not speak TLS: connect without it\n";
  }
  const text = Buffer.from(bytes.subarray(0, limits.maxBytes)).toString("latin1");
  if (text.startsWith("SSH-")) {
    return "This is a parley chat server, not SSH: use another port\n";
  }
  if (!httpMethod.test(text) && !httpLine.test(text)) return undefined;
  const where =
    webPort === undefined ? "this server has no page" : `the page is on port ${webPort}`;
  const body = `This port is not for web browsers: ${where}\n`;
  const headers = [
    "HTTP/1.1 400 Bad Request",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  return `${headers.join("\r\n")}\r\n\r\n${body}`;
}
