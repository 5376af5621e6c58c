// Who uses TLS and who plain text: TLS beyond loopback, plain text within it, unless told otherwise.
// Pure.

import { isLoopback } from "../addresses.ts";

export type Transport = "tls" | "plain";

/** How a client connects. A pin can be checked with TLS alone. */
export function clientTransport(to: {
  host: string;
  pin: string | undefined;
  /** `--plain` was given. */
  plain: boolean;
}): Transport {
  if (to.plain) return "plain";
  return to.pin === undefined && isLoopback(to.host) ? "plain" : "tls";
}

/** What a server accepts from one address without TLS. */
export type PlainPolicy = {
  /** `--plain` was given. */
  allowed: boolean;
  /** Proxies speak for clients on a network that the operator controls. */
  isTrustedProxy: (address: string) => boolean;
};

/** Whether a server speaks plain text with a client at this address. */
export function admitsPlain(address: string, policy: PlainPolicy): boolean {
  return policy.allowed || isLoopback(address) || policy.isTrustedProxy(address);
}

/**
 * How the page is served: by the operator's certificate, by the server's own, or by HTTP, which
 * then only those reach whom `admitsPlain` admits.
 */
export function pageTransport(server: {
  host: string;
  plain: boolean;
  hasCertificate: boolean;
  hasProxies: boolean;
}): "certificate" | "own-key" | "http" {
  if (server.hasCertificate) return "certificate";
  if (server.plain || server.hasProxies || isLoopback(server.host)) return "http";
  return "own-key";
}
