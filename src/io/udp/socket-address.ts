// struct sockaddr_in and sockaddr_in6 of Linux (ip(7), ipv6(7)), to and from addresses as text.

import { ptr } from "bun:ffi";
import { isIP } from "../../addresses.ts";
import { plainAddress } from "../../addresses.ts";
import { libc } from "./libc.ts";

const ipv4 = 2;
const ipv6 = 10;

/** Bytes that hold either. */
export const socketAddressBytes = 28;

/** With the zero at its end. */
const maxInterfaceName = 16;

/** Undefined: neither. */
export function portIn(bytes: Uint8Array): number | undefined {
  const family = bytes[0];
  return family === ipv4 || family === ipv6 ? (bytes[2]! << 8) | bytes[3]! : undefined;
}

/** IPv4 where possible, even on an IPv6 socket, and without a zone; undefined: neither. */
export function addressIn(bytes: Uint8Array): string | undefined {
  const text = numericIn(bytes);
  return text === undefined ? undefined : plainAddress(text);
}

/**
 * The same as Bun's UDP sockets write it: IPv4 on an IPv6 socket as `::ffff:192.0.2.1`, link-local
 * addresses with their zone (`fe80::1%eth0`).
 */
export function textIn(bytes: Uint8Array): string | undefined {
  const text = numericIn(bytes);
  return text === undefined || bytes[0] === ipv4 ? text : text + zoneIn(bytes);
}

/** Empty: the address is valid on every interface. */
function zoneIn(bytes: Uint8Array): string {
  const index = new DataView(bytes.buffer, bytes.byteOffset).getUint32(24, true);
  const name = Buffer.alloc(maxInterfaceName);
  if (index === 0 || !libc()?.if_indextoname(index, ptr(name))) return "";
  return `%${name.toString("latin1", 0, name.indexOf(0))}`;
}

function numericIn(bytes: Uint8Array): string | undefined {
  if (bytes[0] === ipv4) return bytes.subarray(4, 8).join(".");
  if (bytes[0] !== ipv6) return undefined;
  const parts = bytes.subarray(8, 24);
  const isMapped = parts.subarray(0, 10).every((byte) => byte === 0) && parts[10] === 255;
  if (isMapped && parts[11] === 255) return `::ffff:${parts.subarray(12).join(".")}`;
  const groups = Array.from({ length: 8 }, (_, i) => (parts[2 * i]! << 8) | parts[2 * i + 1]!);
  const text = groups.map((group) => group.toString(16)).join(":");
  // The shortest form, as Bun writes it.
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/** Undefined: it is no numeric address, or one with a zone. */
export function socketAddress(address: string, port: number): Uint8Array | undefined {
  const bytes = new Uint8Array(socketAddressBytes);
  bytes[2] = port >>> 8;
  bytes[3] = port;
  if (isIP(address) === 4) {
    bytes[0] = ipv4;
    bytes.set(address.split(".").map(Number), 4);
    return bytes;
  }
  if (isIP(address) !== 6 || address.includes("%")) return undefined;
  bytes[0] = ipv6;
  groupsOf(address).forEach((group, i) => {
    bytes[8 + 2 * i] = group >>> 8;
    bytes[9 + 2 * i] = group;
  });
  return bytes;
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const embedded = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text =
    embedded === null
      ? address
      : `${embedded[1]}${pair(embedded[2], embedded[3])}:${pair(embedded[4], embedded[5])}`;
  const [head = "", tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  const all = tail === undefined ? left : [...left, ...zeros, ...right];
  return all.map((group) => Number.parseInt(group, 16));
}

function pair(high = "0", low = "0"): string {
  return ((Number(high) << 8) | Number(low)).toString(16);
}
