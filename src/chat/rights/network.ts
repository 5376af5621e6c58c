// A network as operators write it: `198.51.100.7`, `198.51.100.0/24`, `2001:db8::/48`. Pure.

import { plainAddress } from "../../addresses.ts";
import { rights as limits } from "../../limits.ts";

export type Network = {
  family: 4 | 6;
  /** The first `prefix` bits; the others are 0. */
  bits: bigint;
  prefix: number;
};

const lengths = { 4: 32, 6: 128 } as const;

/**
 * The network, or why it is invalid. An IPv6 address stands for its /64, in which a host can
 * usually use any address.
 */
export function readNetwork(text: string): Network | string {
  const [written = "", length, rest] = text.split("/");
  const address = readAddress(written);
  if (address === undefined || rest !== undefined) return "it is not an IP address";
  const { family, bits } = address;
  const most = lengths[family];
  const given = length === undefined ? undefined : /^\d{1,3}$/.test(length) ? Number(length) : NaN;
  // Of an IPv4-mapped address, it may count the 96 bits before the IPv4 address.
  const mapped = family === 4 && written.includes(":") && given !== undefined && given > most;
  const prefix = mapped ? given - 96 : (given ?? (family === 4 ? most : limits.ipv6Prefix));
  if (!(prefix >= 0 && prefix <= most))
    return `'/${length}' is not a prefix length from 0 to ${most}`;
  const least = family === 4 ? limits.minIpv4Prefix : limits.minIpv6Prefix;
  if (prefix < least) return `it is too large: use a prefix of at least /${least}`;
  return { family, bits: masked(bits, family, prefix), prefix };
}

/** In the form that `readNetwork` accepts; a single IPv4 address without its prefix. */
export function networkText({ family, bits, prefix }: Network): string {
  if (family === 4) {
    const octets = [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join(".");
    return prefix === lengths[4] ? octets : `${octets}/${prefix}`;
  }
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const url = URL.parse(`http://[${groups.join(":")}]`);
  return `${url?.hostname.slice(1, -1) ?? groups.join(":")}/${prefix}`;
}

type Address = { family: 4 | 6; bits: bigint };

/** An IPv4-mapped IPv6 address counts as IPv4. */
export function readAddress(text: string): Address | undefined {
  const plain = plainAddress(text);
  if (!plain.includes(":")) return readIpv4(plain);
  const bits = readIpv6(text);
  if (bits === undefined) return undefined;
  const isMapped = bits >> 32n === 0xffffn;
  return isMapped ? { family: 4, bits: bits & 0xffff_ffffn } : { family: 6, bits };
}

function readIpv4(text: string): Address | undefined {
  const octets = text.split(".");
  const isRight =
    octets.length === 4 && octets.every((octet) => /^(?:0|[1-9]\d{0,2})$/.test(octet));
  if (!isRight || octets.some((octet) => Number(octet) > 255)) return undefined;
  return { family: 4, bits: octets.reduce((bits, octet) => (bits << 8n) | BigInt(octet), 0n) };
}

/**
 * RFC 4291, section 2.2: hexadecimal groups, at most one `::`, optionally ending in an IPv4
 * address.
 */
function readIpv6(text: string): bigint | undefined {
  if (text.length > maxIpv6Chars) return undefined;
  const [, start = text, dotted] = /^(.*:)(\d+(?:\.\d+){3})$/.exec(text) ?? [];
  const ipv4 = dotted === undefined ? undefined : readIpv4(dotted);
  if (dotted !== undefined && ipv4 === undefined) return undefined;
  const tail = ipv4 === undefined ? "" : `${hex(ipv4.bits >> 16n)}:${hex(ipv4.bits & 0xffffn)}`;
  const parts = `${start}${tail}`.split("::").map((part) => (part === "" ? [] : part.split(":")));
  const [left = [], right, more] = parts;
  const zeros = 8 - left.length - (right?.length ?? 0);
  if (more !== undefined || (right === undefined ? zeros !== 0 : zeros < 1)) return undefined;
  const groups = [...left, ...Array.from({ length: zeros }, () => "0"), ...(right ?? [])];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** `xxxx:` six times and an IPv4 address. */
const maxIpv6Chars = 45;

function hex(bits: bigint): string {
  return bits.toString(16);
}

function masked(bits: bigint, family: 4 | 6, prefix: number): bigint {
  const rest = BigInt(lengths[family] - prefix);
  return (bits >> rest) << rest;
}
