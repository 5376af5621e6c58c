// Who uses TLS and who plain text: TLS beyond loopback and plain text within it, unless configured
// otherwise. Pure.

import { isLoopback } from "../addresses.ts";

export type Transport = "tls" | "plain";

/** How a client connects. A pin can only be checked with TLS. */
export function clientTransport(to: {
  host: string;
  pin: string | undefined;
  /** `--plain` was given. */
  plain: boolean;
}): Transport {
  if (to.plain) return "plain";
  return to.pin === undefined && isLoopback(to.host) ? "plain" : "tls";
}

/** From which addresses a server accepts connections without TLS. */
export type PlainPolicy = {
  /** `--plain` was given. */
  allowed: boolean;
  /** Proxies act for clients on a network that the operator controls. */
  isTrustedProxy: (address: string) => boolean;
};

/** Whether a server accepts plain text from a client at this address. */
export function admitsPlain(address: string, policy: PlainPolicy): boolean {
  return policy.allowed || isLoopback(address) || policy.isTrustedProxy(address);
}

/**
 * How the page is served: with the operator's certificate, with the server's own, or over HTTP,
 * which is then available only to addresses that `admitsPlain` accepts.
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
