// CPP (S0): its messages, what their headers must hold, and the exact bytes of each. Pure: knows no socket and no registry.
// How bytes become messages piece by piece is in cpp-parser.ts, what two peers say to each other in cpp-peer-stream.ts.

import { hasInvisible } from "../chat/names/grammar.ts";
import { harmless } from "../text.ts";
import { names } from "../limits.ts";

/** Who can be called where: an ID of letters and digits, an address, a port from 1 to 65535. */
export type Contact = { id: string; ip: string; port: number };

export type CppMessage =
  | ({ type: "REGISTER" } & Contact)
  /** `status` is `registered` if it went through. */
  | ({ type: "REGACK"; status: string } & Contact)
  /** `peer` asks for one by name (ours; other programs send none). */
  | { type: "BRIDGE"; id: string; peer?: string }
  /** Without a contact: there is nobody to give. */
  | { type: "BRIDGEACK"; contact?: Contact }
  /** S0's own program puts every line into a CHAT. `duplex` is ours. */
  | ({ type: "CHAT"; style: "message"; text: string; duplex: boolean } & Contact)
  /** Other programs open with a CHAT and send bare text after it. */
  | ({ type: "CHAT"; style: "bare" } & Contact)
  | { type: "QUIT" };

export type CppType = CppMessage["type"];

/** Type lines, exactly as they stand on the wire. */
export const cppTypes: readonly CppType[] = [
  "REGISTER",
  "REGACK",
  "BRIDGE",
  "BRIDGEACK",
  "CHAT",
  "QUIT",
];

/** What S0's own program sends as a text to leave. */
export const quitText = "/quit";

const idGrammar = /^[\p{L}\p{N}]+$/u;
const hostGrammar = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const v6Grammar = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?$/;
const maxHostChars = 253;
/** A composed letter is written with three marks at most. */
const maxUnitsOfLetter = 4;

/** An ID as everybody sees it (composed form), or undefined if it is none. */
export function cppId(value: string): string | undefined {
  const written = value.trim();
  // Normalizing what a stranger sends takes the square of its length.
  if (written.length > maxUnitsOfLetter * names.maxChars) return undefined;
  const id = written.normalize("NFC");
  if (id.length > names.maxChars || hasInvisible(id)) return undefined;
  return idGrammar.test(id) ? id : undefined;
}

/** An IPv4 or IPv6 address or a host name, or undefined. It is dialled and shown, so nothing else gets through. */
export function cppHost(value: string): string | undefined {
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

/** A port from 1 to 65535 in decimal, or undefined. */
export function cppPort(value: string): number | undefined {
  const digits = value.trim();
  if (!/^[0-9]{1,5}$/.test(digits)) return undefined;
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** `127.0.0.1:5555`, and `[::1]:5555` so that the port can be told from the address. */
export function hostPort({ ip, port }: { ip: string; port: number }): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

type Headers = ReadonlyMap<string, string>;

/** Headers that mean something, in lower case; all others are skipped. */
export const cppHeaders: ReadonlySet<string> = new Set([
  "clientid",
  "id",
  "ip",
  "port",
  "message",
  "peer",
  "duplex",
  "status",
]);

/**
 * Makes a message of a type line and its headers (names in lower case, values without the one blank after the colon).
 * Answers a string, the reason, when a header is missing or holds what it must not.
 */
export function cppMessage(type: CppType, headers: Headers): CppMessage | string {
  switch (type) {
    case "REGISTER": {
      const contact = readContact(headers, "clientid");
      return typeof contact === "string" ? contact : { type, ...contact };
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
      return typeof contact === "string" ? contact : { type, contact };
    }
    case "CHAT":
      return readChat(headers);
    case "QUIT":
      return { type };
  }
}

function readBridge(headers: Headers): CppMessage | string {
  const id = cppId(headers.get("clientid") ?? "");
  if (id === undefined) return "clientID is missing or no ID";
  const wanted = headers.get("peer");
  if (wanted === undefined) return { type: "BRIDGE", id };
  const peer = cppId(wanted);
  return peer === undefined ? "peer is no ID" : { type: "BRIDGE", id, peer };
}

function readChat(headers: Headers): CppMessage | string {
  const text = headers.get("message");
  // Both kinds of program spell the sender's ID differently, and only one of them sends a text here.
  const contact = readContact(headers, headers.has("id") ? "id" : "clientid");
  if (typeof contact === "string") return contact;
  if (text === undefined) return { type: "CHAT", style: "bare", ...contact };
  const duplex = headers.get("duplex")?.trim().toLowerCase() === "yes";
  return { type: "CHAT", style: "message", text: harmless(text), duplex, ...contact };
}

function readContact(headers: Headers, idHeader: "clientid" | "id"): Contact | string {
  const id = cppId(headers.get(idHeader) ?? "");
  if (id === undefined) return "clientID is missing or no ID";
  const ip = cppHost(headers.get("ip") ?? "");
  if (ip === undefined) return "IP is missing or no address";
  const port = cppPort(headers.get("port") ?? "");
  if (port === undefined) return "Port is missing or no port";
  return { id, ip, port };
}

/** Every value goes through here, so a `\r` or `\n` can't begin a header of its own. */
function block(type: CppType, headers: readonly (readonly [name: string, value: string])[]) {
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

/** What a registry says of who is registered. */
export const registeredStatus = "registered";
const registered = ["Status", registeredStatus] as const;

export function encodeRegister(contact: Contact): string {
  return block("REGISTER", contactHeaders(contact));
}

export function encodeRegack(contact: Contact): string {
  return block("REGACK", [...contactHeaders(contact), registered]);
}

export function encodeBridge(id: string, peer?: string): string {
  return block("BRIDGE", [
    ["clientID", id],
    ...(peer === undefined ? [] : [["peer", peer] as const]),
  ]);
}

/** Without a contact the three values are one blank each. */
export function encodeBridgeAck(contact?: Contact): string {
  const nobody = ["clientID", "IP", "Port"].map((name) => [name, " "] as const);
  return block("BRIDGEACK", [...(contact ? contactHeaders(contact) : nobody), registered]);
}

/** A line to a peer, in the way of S0's own program. `duplex` adds a header that other programs skip. */
export function encodeChat(from: Contact, text: string, duplex = false): string {
  return block("CHAT", [
    ["message", text],
    ["id", from.id],
    ["ip", from.ip],
    ["port", String(from.port)],
    ...(duplex ? [["duplex", "yes"] as const] : []),
  ]);
}

export function encodeQuit(): string {
  return block("QUIT", []);
}
