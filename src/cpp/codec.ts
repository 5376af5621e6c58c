// CPP messages: parses their headers and writes their exact bytes. Pure: knows no socket and no
// registry. parser.ts splits a byte stream into messages; peer-stream.ts reads what one peer sends
// to another.

import { isErrorCode } from "../errors.ts";
import { hasInvisible } from "../chat/names/grammar.ts";
import type { Refusal } from "../chat/refusal.ts";
import { harmless } from "../text.ts";
import { names } from "../limits.ts";
import { publicKeyForm } from "../trust/login-proof.ts";

/** Where a client listens: its ID (letters and digits), address, and port (1 to 65535). */
export type Contact = { id: string; ip: string; port: number };

/**
 * The kind of request for keys: that of the peer handed out, or only the address and key of `peer`,
 * which hands out nobody.
 */
export type KeyRequest = "with-contact" | "look";

export type CppMessage =
  /** `key` is a parley extension, like those of BRIDGE and BRIDGEACK: between two parleys. */
  | ({ type: "REGISTER"; key?: string } & Contact)
  /** `status` is `registered` on success. */
  | ({ type: "REGACK"; status: string } & Contact)
  /** `peer` requests one particular client by name. A parley extension. */
  | { type: "BRIDGE"; id: string; peer?: string; keys?: KeyRequest }
  /** Without a contact: nobody is available. */
  | { type: "BRIDGEACK"; contact?: Contact; key?: string }
  /** The original program puts every line into a CHAT. `duplex` is a parley extension. */
  | ({ type: "CHAT"; style: "message"; text: string; duplex: boolean } & Contact)
  /** Other programs open with a CHAT and send bare text after it. */
  | ({ type: "CHAT"; style: "bare" } & Contact)
  | { type: "QUIT" };

export type MessageType = CppMessage["type"];

/** Type lines, exactly as on the wire. */
export const messageTypes: readonly MessageType[] = [
  "REGISTER",
  "REGACK",
  "BRIDGE",
  "BRIDGEACK",
  "CHAT",
  "QUIT",
];

/** The types that can open a connection, to a registry or to a peer. */
export const openingTypes = ["REGISTER", "BRIDGE", "CHAT", "QUIT"] as const;

/** The text that the original program sends to leave a chat. */
export const quitText = "/quit";

const idGrammar = /^[\p{L}\p{N}]+$/u;
const hostGrammar = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const v6Grammar = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?$/;
const maxHostChars = 253;
/** A precomposed letter decomposes into a base letter and at most three marks. */
const maxUnitsOfLetter = 4;

/** Parses an ID and returns it in composed form (NFC); undefined if it is not valid. */
export function parseId(value: string): string | undefined {
  const written = value.trim();
  // Normalization takes quadratic time, so untrusted input is bounded first.
  if (written.length > maxUnitsOfLetter * names.maxChars) return undefined;
  const id = written.normalize("NFC");
  if (id.length > names.maxChars || hasInvisible(id)) return undefined;
  return idGrammar.test(id) ? id : undefined;
}

/**
 * Parses an IPv4 or IPv6 address or a host name; undefined for anything else. Strict, since peers
 * connect to it and print it.
 */
export function parseHost(value: string): string | undefined {
  const host = value.trim();
  if (host.length === 0 || host.length > maxHostChars) return undefined;
  if (/^[0-9.]+$/.test(host)) {
    const parts = host.split(".");
    return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
      ? host
      : undefined;
  }
  return hostGrammar.test(host) || v6Grammar.test(host) ? host : undefined;
}

/** Parses a decimal port from 1 to 65535; undefined for anything else. */
export function parsePort(value: string): number | undefined {
  const digits = value.trim();
  if (!/^[0-9]{1,5}$/.test(digits)) return undefined;
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** `127.0.0.1:5555` or `[::1]:5555`: brackets separate an IPv6 address from the port. */
export function hostPort({ ip, port }: { ip: string; port: number }): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

type Headers = ReadonlyMap<string, string>;

/** The headers that CPP defines, in lower case; all others are ignored. */
export const knownHeaders: ReadonlySet<string> = new Set([
  "clientid",
  "id",
  "ip",
  "port",
  "message",
  "peer",
  "duplex",
  "status",
  "key",
  "keys",
]);

/**
 * Builds a message from its type line and headers (names in lower case, values without the space
 * after the colon). Returns the reason as a string if a header is missing or invalid.
 */
export function buildMessage(type: MessageType, headers: Headers): CppMessage | string {
  switch (type) {
    case "REGISTER": {
      const contact = readContact(headers, "clientid");
      return typeof contact === "string" ? contact : { type, ...contact, ...readKey(headers) };
    }
    case "REGACK": {
      const contact = readContact(headers, "clientid");
      if (typeof contact === "string") return contact;
      const status = harmless(headers.get("status") ?? "").trim();
      return status === "" ? "Status is missing" : { type, ...contact, status };
    }
    case "BRIDGE":
      return readBridge(headers);
    case "BRIDGEACK": {
      const given = ["clientid", "ip", "port"].map((name) => headers.get(name)?.trim());
      if (given.every((value) => value === "")) return { type };
      const contact = readContact(headers, "clientid");
      return typeof contact === "string" ? contact : { type, contact, ...readKey(headers) };
    }
    case "CHAT":
      return readChat(headers);
    case "QUIT":
      return { type };
  }
}

function readBridge(headers: Headers): CppMessage | string {
  const id = parseId(headers.get("clientid") ?? "");
  if (id === undefined) return "clientID is missing or invalid";
  const wanted = headers.get("peer");
  const keys = readKeyRequest(headers.get("keys"));
  if (wanted === undefined) return { type: "BRIDGE", id, ...keys };
  const peer = parseId(wanted);
  return peer === undefined ? "peer is invalid" : { type: "BRIDGE", id, peer, ...keys };
}

function readKeyRequest(value: string | undefined): { keys?: KeyRequest } {
  const asked = value?.trim().toLowerCase();
  return asked === "with-contact" || asked === "look" ? { keys: asked } : {};
}

/** An invalid key is treated as none. */
function readKey(headers: Headers): { key?: string } {
  const key = headers.get("key")?.trim() ?? "";
  return publicKeyForm.test(key) ? { key } : {};
}

function readChat(headers: Headers): CppMessage | string {
  const text = headers.get("message");
  // The two styles name the sender's ID differently, and only one carries the text here.
  const contact = readContact(headers, headers.has("id") ? "id" : "clientid");
  if (typeof contact === "string") return contact;
  if (text === undefined) return { type: "CHAT", style: "bare", ...contact };
  const duplex = headers.get("duplex")?.trim().toLowerCase() === "yes";
  return { type: "CHAT", style: "message", text: harmless(text), duplex, ...contact };
}

function readContact(headers: Headers, idHeader: "clientid" | "id"): Contact | string {
  const id = parseId(headers.get(idHeader) ?? "");
  if (id === undefined) return "clientID is missing or invalid";
  const ip = parseHost(headers.get("ip") ?? "");
  if (ip === undefined) return "IP is missing or invalid";
  const port = parsePort(headers.get("port") ?? "");
  if (port === undefined) return "Port is missing or invalid";
  return { id, ip, port };
}

/**
 * Every header is written by this function, so that no value can start another header with a `\r`
 * or `\n`.
 */
function encode(type: MessageType, headers: readonly (readonly [name: string, value: string])[]) {
  const lines = headers.map(([name, value]) => `${name}: ${harmless(value)}\r\n`);
  return `${type}\r\n${lines.join("")}\r\n`;
}

function contactHeaders({ id, ip, port }: Contact): [string, string][] {
  return [
    ["clientID", id],
    ["IP", ip],
    ["Port", String(port)],
  ];
}

/** The status of a successful registration. */
export const registeredStatus = "registered";

/** The status of an ID that another client holds. A parley extension. */
export const takenStatus = "taken";

export function encodeRegister(contact: Contact): string {
  return encode("REGISTER", contactHeaders(contact));
}

export function encodeRegack(contact: Contact, status = registeredStatus): string {
  return encode("REGACK", [...contactHeaders(contact), ["Status", status]]);
}

export function encodeBridge(id: string, peer?: string): string {
  return encode("BRIDGE", [
    ["clientID", id],
    ...(peer === undefined ? [] : [["peer", peer] as const]),
  ]);
}

/** Without a contact, each of the three values is a single space. */
export function encodeBridgeAck(contact?: Contact): string {
  const blank = ["clientID", "IP", "Port"].map((name) => [name, " "] as const);
  return encode("BRIDGEACK", [
    ...(contact ? contactHeaders(contact) : blank),
    ["Status", registeredStatus],
  ]);
}

/** The same message with one more header, which programs that do not know it ignore. */
export function withHeader(message: string, name: "key" | "keys", value: string): string {
  return `${message.slice(0, -2)}${name}: ${value}\r\n\r\n`;
}

/**
 * The answer to a client that may not use the registry, in plain text like `Un expected message`:
 * an original program would take a BRIDGEACK for the answer that nobody is available.
 */
export function encodeRefusal({ code, message }: Pick<Refusal, "code" | "message">): string {
  return `${code}: ${message}\n`;
}

/** Undefined: the line is something else. */
export function decodeRefusal(line: string): Pick<Refusal, "code" | "message"> | undefined {
  const [code] = line.split(": ", 1);
  return isErrorCode(code) ? { code, message: line.slice(code.length + 2) } : undefined;
}

/**
 * A line to a peer, as the original program sends it. `duplex` adds a header that other programs
 * ignore.
 */
export function encodeChat(from: Contact, text: string, duplex = false): string {
  return encode("CHAT", [
    ["message", text],
    ["id", from.id],
    ["ip", from.ip],
    ["port", String(from.port)],
    ...(duplex ? [["duplex", "yes"] as const] : []),
  ]);
}

/** Opens a chat as other programs do; bare text follows. */
export function encodeBareChat(from: Contact): string {
  return encode("CHAT", contactHeaders(from));
}

export function encodeQuit(): string {
  return encode("QUIT", []);
}
