// The client behind a reverse proxy: its address as reported by a proxy that the operator trusts.
// Anybody can send these headers; only what a trusted proxy appended counts.

import { BlockList, isIP } from "node:net";
import { plainAddress } from "../../addresses.ts";

type Network = { address: string; prefix: number; family: "ipv4" | "ipv6" };

export class TrustedProxies {
  readonly isEmpty: boolean;
  readonly #networks = new BlockList();

  constructor(networks: readonly Network[] = []) {
    this.isEmpty = networks.length === 0;
    for (const { address, prefix, family } of networks) {
      this.#networks.addSubnet(address, prefix, family);
    }
  }

  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#networks.check(address, family === 4 ? "ipv4" : "ipv6");
  }

  /**
   * The client of a request from `peer`: `peer` itself or, behind a trusted proxy, the last
   * untrusted address in X-Forwarded-For or Forwarded (RFC 7239). Undefined if a trusted proxy
   * forwarded what it should have replaced: no address, or two headers that disagree, one of which
   * the client must have made up.
   */
  clientOf(peer: string, headers: Headers): string | undefined {
    if (!this.has(peer)) return peer;
    const chains = [
      forwardedFor(headers.get("x-forwarded-for")),
      forwarded(headers.get("forwarded")),
    ];
    const clients = chains.flatMap((chain) => (chain === undefined ? [] : [this.#lastOf(chain)]));
    const [client] = clients;
    if (clients.length === 0) return peer;
    return clients.every((other) => other === client) ? client : undefined;
  }

  #lastOf(chain: readonly (string | undefined)[]): string | undefined {
    const last = chain.findLastIndex((hop) => hop === undefined || !this.has(hop));
    return chain[Math.max(0, last)];
  }
}

/** `10.0.0.0/8`, `fd00::/8`, or a single address; undefined if invalid. */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", length, rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest !== undefined) return undefined;
  const bits = family === 4 ? 32 : 128;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : bits + 1;
  return prefix <= bits ? { address, prefix, family: family === 4 ? "ipv4" : "ipv6" } : undefined;
}

type Chain = readonly (string | undefined)[];

function forwardedFor(header: string | null): Chain | undefined {
  return header?.split(",").map((hop) => addressOf(hop.trim()));
}

/**
 * Commas separate hops and semicolons pairs, unless quoted; only `for` matters here. A quotation
 * mark that the client left open would hide where the proxy's own hop begins.
 */
function forwarded(header: string | null): Chain | undefined {
  if (header === null) return undefined;
  const isOpen = header.split('"').length % 2 === 0;
  const hops = isOpen ? null : header.match(/(?:[^,"]|"[^"]*")+/g);
  return (hops ?? [""]).map((hop) => {
    const pairs = hop.match(/(?:[^;"]|"[^"]*")+/g) ?? [];
    const [value = ""] = pairs.flatMap((pair) => /^\s*for\s*=(.*)$/i.exec(pair)?.[1] ?? []);
    return addressOf(value.trim().replace(/^"([^"]*)"$/, "$1"));
  });
}

/**
 * The address in parley's notation, without port and zone; undefined for a name, `unknown` and the
 * like.
 */
function addressOf(hop: string): string | undefined {
  const host = /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+)(?::\d+)?$/.exec(hop)?.[1];
  return canonicalAddress((host ?? hop).toLowerCase().replace(/%.*/, ""));
}

/** An address in parley's notation, IPv4-mapped ones as IPv4; undefined if it is not an address. */
export function canonicalAddress(text: string): string | undefined {
  const address = plainAddress(text);
  if (isIP(address) === 4) return address;
  if (isIP(text) !== 6) return undefined;
  const canonical = URL.parse(`http://[${text}]`)?.hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical ?? "");
  if (mapped === null) return canonical;
  return mapped
    .slice(1)
    .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
    .join(".");
}
