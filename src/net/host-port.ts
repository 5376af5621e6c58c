// Addresses as people write them, and what the operating system says when one of them does not work, in words.

import { networkInterfaces } from "node:os";
import { harmless } from "../chat/text.ts";

export type Address = { host: string; port: number };

/** `HOST:PORT` or `[IPV6]:PORT`, the port from 1 to 65535; undefined if it is none. */
export function parseHostPort(text: string): Address | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:[\]/]+)):([0-9]{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** Whether only this machine can reach what listens there. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** The address that others can call: `host`, or for "every address" the first that leads out of this machine. */
export function callableHost(host: string): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  const family = host === "::" ? "IPv6" : "IPv4";
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outward = addresses.find((address) => !address.internal && address.family === family);
  return outward?.address ?? (family === "IPv6" ? "::1" : "127.0.0.1");
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ETIMEDOUT: "timed out",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  EADDRINUSE: "the port is in use",
  EADDRNOTAVAIL: "this machine does not have that address",
  EACCES: "permission denied",
  ENOTFOUND: "no such host",
  DNS_ENOTFOUND: "no such host",
};

/** Why a socket could not be had, in a few words. */
export function socketReason(error: unknown): string {
  const code =
    error !== null && typeof error === "object" && "code" in error ? String(error.code) : "";
  const known = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  return known ?? harmless(error instanceof Error ? error.message : String(error));
}
