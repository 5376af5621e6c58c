// The native protocol (docs/protocol.md): JSON objects, one a line. Reads requests into commands and answers one client
// (native-lines.ts writes what a room hears); what they mean is the hub's business.

import type { Command, PersonalEvent, Ref, ResumePoint } from "../../chat/events.ts";
import type { ErrorCode } from "../../errors.ts";
import { folder, history, message as limits, names, sender } from "../../limits.ts";
import type { Conversation, Dialect } from "../../chat/dialect.ts";
import { line, messageLine, renderRoom, renderRun } from "./native-lines.ts";

const protocolVersion = 1;

/** What `welcome` says of the server; set once, before the first connection. */
export type NativeServer = { name: string; udpPort: number; messagesPerSecond: number };

type Fields = Readonly<Record<string, unknown>>;

/** The dialect of a server that calls itself so. */
export function nativeDialect(server: NativeServer): Dialect {
  const native: Dialect = {
    name: "native",
    reservedWords: ["ALL"],
    input: "lines",
    output: "stream",
    echo: { said: true, joined: true },
    refusalEnds: true,
    renderRoom,
    open: () => new NativeConversation(server),
  };
  return { ...native, withRuns: { ...native, renderRun } };
}

class NativeConversation implements Conversation {
  #greeted = false;

  constructor(readonly server: NativeServer) {}

  greeting(): readonly string[] {
    return [];
  }

  receive(message: string): Command | undefined {
    const plain = this.#greeted ? plainSay(message) : undefined;
    if (plain !== undefined) return plain;
    if (!/\S/.test(message)) return undefined;
    const fields = parseObject(message);
    if (fields === undefined)
      return invalid("This is no JSON object: one object a line is expected");
    if (!this.#greeted && fields["type"] !== "hello") {
      return { ...invalid("The first line has to be a hello"), end: true };
    }
    this.#greeted = true;
    return readCommand(fields);
  }

  overflow(): Command {
    const longest = `A line has at most ${limits.maxLineBytes} bytes: this one was longer`;
    return { ...invalid(longest), end: true };
  }

  render(event: PersonalEvent): string | undefined {
    switch (event.type) {
      case "welcome":
        return this.#welcome(event);
      case "refused": {
        const { code, message, name, retryAfterMs } = event;
        return line({ type: "error", code, message, name, retryAfterMs });
      }
      case "private": {
        const { mail, timeMs: time, from, to, text, chat } = event;
        return line({ type: "private", mail, time, from, to, text, ...(chat ? { chat } : {}) });
      }
      case "replay":
        return messageLine(event.message);
      case "history": {
        const messages = event.messages.map((said) => messageLine(said).trimEnd()).join(",");
        const ref = event.ref === undefined ? "" : `,"ref":${JSON.stringify(event.ref)}`;
        return `{"type":"history","room":${JSON.stringify(event.room)},"messages":[${messages}]${ref}}\n`;
      }
      case "files": {
        const files = event.files.map((file) => ({
          name: file.name,
          size: file.sizeBytes,
          modified: file.modifiedMs,
        }));
        return line({ type: "files", files, next: event.next, ref: event.ref });
      }
      case "transfer":
        return line(event.line);
      case "sent":
      case "download":
        return undefined;
      default:
        return line(event);
    }
  }

  #welcome(event: Extract<PersonalEvent, { type: "welcome" }>): string {
    const { name, room, secret, epoch, seq, mail, recovered, n } = event;
    const { server } = this;
    const session = name === "" ? {} : { name, room, secret, epoch, seq, mail, recovered, n };
    return line({
      type: "welcome",
      version: protocolVersion,
      server: server.name,
      ...session,
      udpPort: server.udpPort,
      limits: {
        lineBytes: limits.maxLineBytes,
        textChars: limits.maxTextChars,
        nameChars: names.maxChars,
        recipients: limits.maxRecipients,
        messagesPerSecond: server.messagesPerSecond,
        burstSeconds: sender.burstSeconds,
      },
    });
  }
}

const readers: Readonly<Record<string, (fields: Fields, ref: Ref | undefined) => Command>> = {
  hello: readHello,
  say: (fields) => withText(fields, (text, n) => ({ type: "say", text, ...n })),
  tell: (fields) => {
    const { to } = fields;
    if (!isStrings(to)) return invalid("tell needs `to`, a list of names", fields);
    return withText(fields, (text, n) => ({ type: "tell", to, text, ...n }));
  },
  who: (fields, ref) => ({
    type: "names",
    limit: names.pageNames,
    ...string("after", fields),
    ...withRef(ref),
  }),
  rooms: (fields, ref) => ({
    type: "rooms",
    limit: names.pageNames,
    ...string("after", fields),
    ...withRef(ref),
  }),
  enter: (fields, ref) => {
    const { room } = fields;
    if (typeof room !== "string") return invalid("enter needs `room`, a string", fields);
    return { type: "enter", room, ...since(fields), ...withRef(ref) };
  },
  rename: (fields, ref) => {
    const { name } = fields;
    if (typeof name !== "string") return invalid("rename needs `name`, a string", fields);
    return { type: "rename", name, ...withRef(ref) };
  },
  history: (fields, ref) => {
    const asked = count(fields["limit"]) ?? history.pageMessages;
    const before = count(fields["before"]);
    const limit = Math.min(Math.max(asked, 1), history.pageMessages);
    return { type: "history", limit, ...(before === undefined ? {} : { before }), ...withRef(ref) };
  },
  invite: (fields, ref) => {
    const { to } = fields;
    if (typeof to !== "string") return invalid("invite needs `to`, a name", fields);
    return { type: "invite", to, ...withRef(ref) };
  },
  accept: (_fields, ref) => ({ type: "accept", ...withRef(ref) }),
  reject: (_fields, ref) => ({ type: "reject", ...withRef(ref) }),
  leave: (_fields, ref) => ({ type: "leave", ...withRef(ref) }),
  files: (fields, ref) => {
    const limit = Math.min(count(fields["limit"]) ?? folder.pageFiles, folder.pageFiles);
    return {
      type: "files",
      limit: Math.max(limit, 1),
      ...string("after", fields),
      ...withRef(ref),
    };
  },
  fetch: (fields, ref) => ({ type: "fetch", request: fields, ...withRef(ref) }),
  fetched: (fields, ref) => ({ type: "fetch", request: fields, ...withRef(ref) }),
  ping: (_fields, ref) => ({ type: "ping", ...withRef(ref) }),
  pong: () => ({ type: "alive" }),
  bye: () => ({ type: "quit" }),
};

function readCommand(fields: Fields): Command {
  const { type } = fields;
  if (typeof type !== "string" || !Object.hasOwn(readers, type)) {
    return invalid(`There is no request of type ${shown(type)}`, fields);
  }
  return readers[type]!(fields, refOf(fields));
}

function readHello(fields: Fields): Command {
  const { version, name, secret, runs } = fields;
  if (version !== protocolVersion) {
    const message = `This server speaks version ${protocolVersion} of the protocol, not ${shown(version)}: use a client that does`;
    return { type: "invalid", code: "version", message, end: true };
  }
  if (name === undefined) return { type: "login", name: "", visitor: true };
  if (typeof name !== "string") return { ...invalid("hello needs `name`, a string"), end: true };
  if (
    secret !== undefined &&
    !(typeof secret === "string" && /^[\x21-\x7e]{16,128}$/.test(secret))
  ) {
    return {
      ...invalid("hello needs `secret` to be 16 to 128 visible ASCII characters"),
      end: true,
    };
  }
  return {
    type: "login",
    name,
    secret: secret ?? "",
    ...(runs === true ? { runs } : {}),
    ...string("room", fields),
    ...since(fields),
  };
}

function withText(fields: Fields, make: (text: string, n: { n?: number }) => Command): Command {
  const { text, n } = fields;
  if (n !== undefined && count(n) === undefined) {
    return invalid("`n` counts messages: a whole number from 1 on", fields);
  }
  const counter = count(n);
  if (typeof text !== "string") {
    return {
      ...invalid("A message needs `text`, a string", fields),
      ...(counter === undefined ? {} : { n: counter }),
    };
  }
  return make(text, counter === undefined ? {} : { n: counter });
}

function since(fields: Fields): { since?: ResumePoint } {
  const { epoch } = fields;
  const seq = count(fields["seq"], 0);
  const mail = count(fields["mail"], 0);
  if (typeof epoch !== "string") return {};
  return {
    since: {
      epoch: epoch.slice(0, 64),
      ...(seq === undefined ? {} : { seq }),
      ...(mail === undefined ? {} : { mail }),
    },
  };
}

const sayStart = '{"type":"say","n":';
const textStart = ',"text":"';

/**
 * The message that clients send most, in the form in which JSON.stringify writes it, read without building an object. Anything
 * unusual (an escape, a control character, another order) is left to the whole parser: undefined.
 */
function plainSay(line: string): Command | undefined {
  if (!line.startsWith(sayStart)) return undefined;
  let n = 0;
  let at = sayStart.length;
  for (; at < sayStart.length + maxPlainDigits; at++) {
    const digit = line.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    n = n * 10 + digit;
    // no leading zero
    if (n === 0) return undefined;
  }
  if (n === 0 || !line.startsWith(textStart, at) || !line.endsWith('"}')) return undefined;
  const from = at + textStart.length;
  if (line.length < from + 2) return undefined;
  const text = line.slice(from, -2);
  return notPlain.test(text) ? undefined : { type: "say", text, n };
}

/** Counters of so many digits are exact as a number. */
const maxPlainDigits = 15;
const notPlain = /["\\\u0000-\u001f]/;

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as Fields;
  } catch {
    return undefined;
  }
}

function invalid(message: string, fields?: Fields): Extract<Command, { type: "invalid" }> {
  const code: ErrorCode = "protocol";
  return {
    type: "invalid",
    code,
    message,
    ...withRef(fields === undefined ? undefined : refOf(fields)),
  };
}

/** A value as an error quotes it. Lists and objects are not written out: they may be nested deeper than the stack. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return typeof value === "object" || value === undefined ? "this" : String(value);
}

function refOf({ ref }: Fields): Ref | undefined {
  if (typeof ref === "number" && Number.isSafeInteger(ref)) return ref;
  return typeof ref === "string" && ref.length <= 64 ? ref : undefined;
}

function withRef(ref: Ref | undefined): { ref?: Ref } {
  return ref === undefined ? {} : { ref };
}

/** The field as a whole number of at least `least`, or undefined. */
function count(value: unknown, least = 1): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least
    ? value
    : undefined;
}

function string<K extends string>(key: K, fields: Fields): { [P in K]?: string } {
  const value = fields[key];
  return typeof value === "string" ? ({ [key]: value } as { [P in K]?: string }) : {};
}

function isStrings(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string")
  );
}
