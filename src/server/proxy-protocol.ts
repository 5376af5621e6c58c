// The PROXY protocol, versions 1 and 2
// (https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt): a header with the client's address
// that a TCP proxy writes before the client's own bytes. Must only be read from proxies that are
// known to write it, since anybody can send one.

import { canonicalAddress } from "./web/trusted-proxies.ts";
import { proxyProtocol as limits } from "../limits.ts";

/** The client's end of the connection to the proxy. */
export type ProxiedFrom = { address: string; port: number };

export type ProxyHeader =
  /** More bytes are needed. */
  | { kind: "wait" }
  | { kind: "invalid" }
  /**
   * `bytes` long; `from` is undefined if the proxy connects on its own behalf, as for a health
   * check.
   */
  | { kind: "header"; bytes: number; from: ProxiedFrom | undefined };

const invalid: ProxyHeader = { kind: "invalid" };
const wait: ProxyHeader = { kind: "wait" };

const version1 = Buffer.from("PROXY ");
/** The longest line of version 1, including its line ending. */
const maxLineBytes = 107;
const version2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const prefixBytes = 16;

/** Parses the header at the beginning of a connection. Never throws. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (startsLike(buffer, version1)) return readLine(buffer);
  return startsLike(buffer, version2) ? readBinary(buffer) : invalid;
}

/** Whether the buffer begins with `start` or with a prefix of it. */
function startsLike(buffer: Buffer, start: Buffer): boolean {
  const length = Math.min(buffer.length, start.length);
  return buffer.subarray(0, length).equals(start.subarray(0, length));
}

function readLine(buffer: Buffer): ProxyHeader {
  const end = buffer.subarray(0, maxLineBytes).indexOf("\r\n");
  if (end < 0) return buffer.length >= maxLineBytes ? invalid : wait;
  const bytes = end + 2;
  const [, family, source = "", , port, , ...more] = buffer.toString("latin1", 0, end).split(" ");
  if (family === "UNKNOWN") return { kind: "header", bytes, from: undefined };
  if ((family !== "TCP4" && family !== "TCP6") || port === undefined || more.length > 0) {
    return invalid;
  }
  return header(bytes, source, /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN);
}

function readBinary(buffer: Buffer): ProxyHeader {
  if (buffer.length < prefixBytes) return wait;
  const command = buffer[12]!;
  const family = buffer[13]!;
  const length = buffer.readUInt16BE(14);
  if (length > limits.maxHeaderBytes) return invalid;
  const bytes = prefixBytes + length;
  if (command !== local && command !== proxied) return invalid;
  if (buffer.length < bytes) return wait;
  const body = buffer.subarray(prefixBytes, bytes);
  if (command === local) return { kind: "header", bytes, from: undefined };
  if (family === tcp4 && length >= 12) {
    return header(bytes, body.subarray(0, 4).join("."), body.readUInt16BE(8));
  }
  if (family === tcp6 && length >= 36) {
    const groups = Array.from({ length: 8 }, (_, i) => body.readUInt16BE(2 * i).toString(16));
    return header(bytes, groups.join(":"), body.readUInt16BE(32));
  }
  return invalid;
}

/** Version 2 in the upper half of the byte, the command in the lower. */
const local = 0x20;
const proxied = 0x21;
/** AF_INET or AF_INET6 in the upper half, STREAM in the lower. */
const tcp4 = 0x11;
const tcp6 = 0x21;

function header(bytes: number, source: string, port: number): ProxyHeader {
  const address = canonicalAddress(source);
  if (address === undefined || !(port <= 65_535)) return invalid;
  return { kind: "header", bytes, from: { address, port } };
}

/** A connection from which nothing but the header has been read so far. */
export class ProxyPreamble {
  #held = Buffer.alloc(0);

  /** Handles the next bytes; the bytes after the header are in `rest`. */
  received(bytes: Uint8Array): Exclude<ProxyHeader, { kind: "header" }> | Complete {
    this.#held = Buffer.concat([this.#held, bytes]);
    const result = readProxyHeader(this.#held);
    if (result.kind !== "header") return result;
    return { kind: "header", from: result.from, rest: this.#held.subarray(result.bytes) };
  }
}

type Complete = { kind: "header"; from: ProxiedFrom | undefined; rest: Uint8Array };
