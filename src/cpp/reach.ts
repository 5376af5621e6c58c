// Which registered addresses may be handed out and connected to. A registration is a stranger's
// claim: one that names a loopback or link-local address would make a peer connect to its own
// machine or its neighbours, and type there. Pure.

import { isLoopback } from "../addresses.ts";

/** Who can be meant by an address: only this machine, only this link, or anyone. */
export type Scope = "machine" | "link" | "anywhere";

/** The scope of an address. A host name, other than `localhost`, has to be resolved first. */
export function scopeOf(address: string): Scope {
  const plain = withoutMapping(address.toLowerCase()).replace(/%.*$/, "");
  // Connecting to the unspecified address reaches this machine.
  if (isLoopback(plain) || /^0(?:\.\d{1,3}){3}$/.test(plain) || /^[0:]*:[0:]*1?$/.test(plain)) {
    return "machine";
  }
  return plain.startsWith("169.254.") || /^fe[89ab][0-9a-f]:/.test(plain) ? "link" : "anywhere";
}

/** Whether a peer may connect to `address`, which a registry at `registry` has given it. */
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
 * Whether a registration of `address`, made from the network `maker`, may be handed to a client of
 * the network `asker`.
 */
export function mayHandOut(address: string, maker: string, asker: string): boolean {
  if (maker === asker) return true;
  switch (scopeOf(address)) {
    case "machine":
      return scopeOf(maker) === "machine" && scopeOf(asker) === "machine";
    case "link":
      return scopeOf(maker) !== "anywhere" && scopeOf(asker) !== "anywhere";
    case "anywhere":
      return true;
  }
}

/** The IPv4 address of an IPv4-mapped IPv6 address, however it is written; others as they are. */
function withoutMapping(address: string): string {
  const rest = /^(?:::|(?:0{1,4}:){5})ffff:(.*)$/.exec(address)?.[1];
  if (rest === undefined) return address;
  const [, high = "", low = ""] = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(rest) ?? [];
  if (low === "") return rest;
  const words = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return words.flatMap((word) => [word >> 8, word & 0xff]).join(".");
}
