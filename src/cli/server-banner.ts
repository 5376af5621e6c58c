// What `parley server` prints on stderr when it is ready: where it can be reached, and by whom. The
// line on stdout is printed elsewhere.

import { isLoopback } from "../addresses.ts";
import { hostPortText, isEveryAddress, reachableHosts } from "../io/host-port.ts";
import type { Interfaces } from "../io/interfaces.ts";
import { harmless } from "../text.ts";
import { ownCommand } from "./program-name.ts";

export type Reachable = {
  /** The value of `--host`. */
  host: string;
  port: number;
  webPort: number | undefined;
  publicUrl: URL | undefined;
  metricsPort: number | undefined;
  dialectPorts: ReadonlyMap<string, number>;
  /** The pin of the server's key; undefined on loopback without a key. */
  pin: string | undefined;
  /** Plain text is allowed beyond loopback. */
  plain: boolean;
  isPageSecure: boolean;
  /** The shared folder, and whether it exists. */
  files: string;
  areFilesMissing: boolean;
};

/**
 * The warning that other machines can connect, if they can. `isClosed`: not everybody is admitted.
 */
export function exposureWarning(
  host: string,
  { plain, isClosed }: { plain: boolean; isClosed: boolean },
): string | undefined {
  if (isLoopback(host) || (isClosed && !plain)) return undefined;
  const exposed = isEveryAddress(host)
    ? `${host} is every address of this machine, so other machines can reach it`
    : `other machines can reach ${host}`;
  const how = plain ? ", without encryption" : "";
  const allowed = isClosed ? "those who are admitted can join" : "anyone who does can join";
  return `Warning: ${exposed}, and ${allowed}${how}.`;
}

export function serverBanner(server: Reachable, interfaces?: Interfaces): string[] {
  const { port, metricsPort, files } = server;
  const { host, others } = hostsOf(server, interfaces);
  const hint = server.areFilesMissing ? " (create it to share files)" : "";
  const lines = [
    `Chat and files on port ${port} (TCP and UDP), shared folder ${harmless(files)}${hint}`,
  ];
  const page = pageUrl(server, interfaces);
  if (page !== undefined) lines.push(`Page:           ${page}`);
  if (metricsPort !== undefined) {
    lines.push(`Metrics:        http://127.0.0.1:${metricsPort}/metrics`);
  }
  for (const [name, dialectPort] of server.dialectPorts) {
    lines.push(`Dialect:        ${name} on port ${dialectPort}`);
  }
  const { plain: address, pinned, typed } = addressesOf(server, host);
  // What is typed on other machines does not begin with a path of this one.
  const program = isLoopback(host) ? ownCommand() : "parley";
  lines.push(`Terminal:       ${program} client ${typed} --name NAME`);
  if (typed === address) {
    lines.push(`Without parley: nc ${host} ${port}`);
    if (server.pin !== undefined) lines.push(`Key (with TLS): ${pinned}`);
  }
  if (others.length > 0) lines.push(`Other addresses of this machine: ${others.join(", ")}`);
  return lines;
}

/** How to become the first owner. `claim`: the code, or where to find it. */
export function claimLines(server: Reachable, claim: string, interfaces?: Interfaces): string[] {
  const { typed } = addressesOf(server, hostsOf(server, interfaces).host);
  return [
    "This server has no owner yet. To become its owner:",
    `    ${ownCommand()} admin ${typed} claim ${harmless(claim)}`,
  ];
}

/** The address without and with the pin, and the one to type: with the pin if there is TLS. */
function addressesOf({ port, pin, plain: isPlainAllowed }: Reachable, host: string) {
  const plain = hostPortText({ host, port });
  const pinned = pin === undefined ? plain : `${plain}#${pin}`;
  return { plain, pinned, typed: isLoopback(host) || isPlainAllowed ? plain : pinned };
}

/** The URL of the page; undefined if there is none. */
export function pageUrl(server: Reachable, interfaces?: Interfaces): string | undefined {
  const { webPort: port, publicUrl, isPageSecure } = server;
  if (port === undefined) return undefined;
  if (publicUrl !== undefined) return publicUrl.href;
  const { host } = hostsOf(server, interfaces);
  return `${isPageSecure ? "https" : "http"}://${hostPortText({ host, port })}/`;
}

/** Whether other machines can open the page, so that a QR code makes sense. */
export function isForOthers(url: string): boolean {
  return !isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ""));
}

/**
 * The best name or address to give out, and this machine's other addresses. A server with a public
 * URL is known by that name.
 */
function hostsOf(
  { host, publicUrl }: Reachable,
  interfaces?: Interfaces,
): { host: string; others: readonly string[] } {
  const hosts = reachableHosts(host, interfaces);
  if (publicUrl !== undefined && !isLoopback(host)) {
    return { host: publicUrl.hostname, others: isEveryAddress(host) ? hosts : [] };
  }
  return { host: hosts[0] ?? host, others: hosts.slice(1) };
}
