// The addresses of this machine that others may reach, and the kind of path that leads to an
// address.

import { isLoopback } from "../../addresses.ts";
import { presentInterfaces } from "../../io/interfaces.ts";
import { paths as limits } from "../../limits.ts";
import type { PathKind } from "../../transfer/paths/path-finder.ts";
import { isUsable } from "./paths-line.ts";

/** Addresses except loopback and link-local ones. */
export function ownAddresses(): string[] {
  const all = Object.values(presentInterfaces() ?? {}).flatMap((list) => list ?? []);
  const usable = all.filter(({ address, internal }) => !internal && isUsable(address));
  return [...new Set(usable.map(({ address }) => address))].slice(0, limits.maxOwn);
}

/** `own`: this machine's addresses. */
export function kindOf(address: string, own: readonly string[]): PathKind {
  if (isLoopback(address) || own.includes(address)) return "loopback";
  if (address.includes(":")) return isPrivate6(address) ? "lan" : "ipv6";
  return isPrivate4(address) ? "lan" : "punched";
}

/** RFC 1918, and RFC 6598 for providers and overlay networks. */
function isPrivate4(address: string): boolean {
  const [first = 0, second = 0] = address.split(".").map(Number);
  if (first === 10 || (first === 192 && second === 168)) return true;
  if (first === 172) return second >= 16 && second < 32;
  return first === 100 && second >= 64 && second < 128;
}

/** RFC 4193. */
function isPrivate6(address: string): boolean {
  return /^f[cd]/i.test(address);
}
