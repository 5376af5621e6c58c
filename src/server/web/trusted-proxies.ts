// Who sent a request that came through a reverse proxy: the address that the proxy names, if it is one of those that the
// operator trusts. Anybody can write these headers; only what a trusted proxy has added to them counts.

import { BlockList, isIP } from "node:net";
import { plainAddress } from "../../addresses.ts";

type Network = { address: string; prefix: number; family: "ipv4" | "ipv6" };

export class TrustedProxies {
  readonly #networks = new BlockList();

  constructor(networks: readonly Network[] = []) {
    for (const { address, prefix, family } of networks) {
      this.#networks.addSubnet(address, prefix, family);
    }
  }

  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#networks.check(address, family === 4 ? "ipv4" : "ipv6");
  }

  /**
   * The client of a request that came from `peer`: `peer` itself unless that is a trusted proxy; else the last address in
   * X-Forwarded-For or Forwarded (RFC 7239) that is no trusted proxy. Undefined if a trusted proxy hands on what it should have
   * replaced: no address, or two headers that disagree, one of which then is the client's own invention.
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

/** `10.0.0.0/8`, `fd00::/8`, or one address; undefined if it is none. */
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

/** Commas separate hops unless they are quoted; of each hop only `for` matters here. */
function forwarded(header: string | null): Chain | undefined {
  const hops = header?.match(/(?:[^,"]|"[^"]*")+/g);
  return hops?.map((hop) => {
    const value = /(?:^|;)\s*for\s*=\s*(?:"([^"]*)"|([^\s;"]+))/i.exec(hop);
    return addressOf(value?.[1] ?? value?.[2] ?? "");
  });
}

/** An address as parley writes it, without port and zone; undefined for a name, `unknown` and the like. */
function addressOf(hop: string): string | undefined {
  const host = /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+)(?::\d+)?$/.exec(hop)?.[1];
  const address = plainAddress((host ?? hop).toLowerCase().replace(/%.*/, ""));
  const family = isIP(address);
  if (family !== 6) return family === 4 ? address : undefined;
  return URL.parse(`http://[${address}]`)?.hostname.slice(1, -1);
}
