// Decides which registered addresses may be handed out and connected to. A registration is an
// unverified claim: with a loopback or link-local address it would make a peer connect to services
// on its own machine or link, and type into them. Pure.

import { isLoopback } from "../addresses.ts";

/** Where an address can be reached from: only this machine, only this link, or anywhere. */
export type Scope = "machine" | "link" | "anywhere";

/** The scope of an address. Host names other than `localhost` must be resolved first. */
export function scopeOf(address: string): Scope {
  const plain = withoutMapping(address.toLowerCase()).replace(/%.*$/, "");
  // Connecting to the unspecified address reaches this machine.
  if (isLoopback(plain) || /^0(?:\.\d{1,3}){3}$/.test(plain) || /^[0:]*:[0:]*1?$/.test(plain)) {
    return "machine";
  }
  return plain.startsWith("169.254.") || /^fe[89ab][0-9a-f]:/.test(plain) ? "link" : "anywhere";
}

/** Whether a peer may connect to `address`, which it got from the registry at `registry`. */
export function mayConnect(address: string, registry: string): boolean {
  switch (scopeOf(address)) {
    case "machine":
      return scopeOf(registry) === "machine";
    case "link":
      return scopeOf(registry) !== "anywhere";
    case "anywhere":
      return true;
  }
}

/**
 * Whether `address`, registered from the network `registrant`, may be handed out to a client in the
 * network `asker`.
 */
export function mayHandOut(address: string, registrant: string, asker: string): boolean {
  if (registrant === asker) return true;
  switch (scopeOf(address)) {
    case "machine":
      return scopeOf(registrant) === "machine" && scopeOf(asker) === "machine";
    case "link":
      return scopeOf(registrant) !== "anywhere" && scopeOf(asker) !== "anywhere";
    case "anywhere":
      return true;
  }
}

/**
 * Unwraps an IPv4-mapped IPv6 address, however it is written; returns other addresses unchanged.
 */
function withoutMapping(address: string): string {
  const rest = /^(?:::|(?:0{1,4}:){5})ffff:(.*)$/.exec(address)?.[1];
  if (rest === undefined) return address;
  const [, high = "", low = ""] = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(rest) ?? [];
  if (low === "") return rest;
  const words = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return words.flatMap((word) => [word >> 8, word & 0xff]).join(".");
}
