// Addresses as people write them, and socket errors in words.

import { isIPv6 } from "../addresses.ts";
import { harmless, quoted } from "../text.ts";
import { errorMessage, ParleyError, systemCode, systemReason } from "../errors.ts";
import type { Access } from "../protocol/messages.ts";
import type { ClientIdentity } from "../client/events.ts";
import type { ServerTrust } from "../tls/server-trust.ts";
import { type Interfaces, presentInterfaces } from "./interfaces.ts";

/** The default of `parley server --port`. */
export const defaultPort = 55_000;

export type Address = { host: string; port: number };

/**
 * A server, how its key is verified (without `trust` the connection is plain text), and the
 * credentials it requires.
 */
export type ServerAddress = Address & {
  readonly trust?: ServerTrust | undefined;
  readonly access?: Access | undefined;
  /** Proved to a server that only admits members. */
  readonly identity?: ClientIdentity | undefined;
  /** Whose connections without a session are; undefined: nobody says. */
  readonly visitor?: VisitorName | undefined;
  /** Other servers of the same cluster, tried when this one does not respond. */
  readonly alternatives?: readonly ServerAddress[] | undefined;
};

/** A name that is proved, but not taken: the key of its owner's device may do instead. */
export type VisitorName = { readonly name: string; readonly password?: string | undefined };

/**
 * Another server of the same cluster. It must have the key of this one, which has been seen;
 * without TLS, it must be on the same machine. Undefined: it can't be checked, or is the same one.
 */
export function siblingOf(
  server: ServerAddress,
  { host, port }: Address,
): ServerAddress | undefined {
  const isSafe = server.trust === undefined ? host === server.host : server.trust.pin !== undefined;
  if (!isSafe || (host === server.host && port === server.port)) return undefined;
  return { ...server, host, port, alternatives: undefined };
}

/**
 * Parses `HOST:PORT` or `[IPV6]:PORT`, with a port from 1 to 65535; undefined for anything else. A
 * link-local IPv6 address has its network interface after a `%` (RFC 4007).
 */
export function parseHostPort(text: string): Address | undefined {
  const form = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^\s:[\]/]+)):([0-9]{1,5})$/;
  const match = form.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** The same, or a host alone with the default port. A lone IPv6 address needs no brackets. */
export function parseAddress(text: string, usualPort: number): Address | undefined {
  const written = text.trim();
  const full = parseHostPort(written);
  if (full !== undefined) return full;
  const bare = /^\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]$/.exec(written)?.[1] ?? written;
  const isHost = bare.includes(":") ? isIPv6(bare) : /^[^\s:[\]/]+$/.test(bare);
  return isHost ? { host: bare, port: usualPort } : undefined;
}

/** An address as people write it. */
export function hostPortText({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether listening on `host` means listening on every address of this machine. */
export function isEveryAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/**
 * The addresses at which a server listening on `host` can be reached, external ones first. Never
 * empty: a machine without a network can still reach itself.
 */
export function reachableHosts(
  host: string,
  interfaces: Interfaces = presentInterfaces() ?? {},
): readonly string[] {
  if (!isEveryAddress(host)) return [host];
  // A socket on :: also accepts IPv4. Link-local addresses need a zone, which differs between
  // machines.
  const families = host === "::" ? ["IPv4", "IPv6"] : ["IPv4"];
  const outward = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address, family, internal }) => {
      return !internal && families.includes(family) && !/^fe[89ab]/i.test(address);
    })
    .map(({ address }) => address);
  return [...outward, host === "::" ? "::1" : "127.0.0.1"];
}

/** The address at which others can reach this machine: `host`, or its first external address. */
export function callableHost(host: string, interfaces?: Interfaces): string {
  const isV6 = host === "::";
  return reachableHosts(host, interfaces).find((one) => one.includes(":") === isV6) ?? host;
}

/** The address of this machine that others see who have the same kind of addresses as `host`. */
export function outwardHost(host: string): string {
  return callableHost(isIPv6(host) ? "::" : "0.0.0.0");
}

/** What `socketReason` returns for a host name that does not exist. */
const noSuchHost = "no such host";
/** The same if that could not be found out. */
const noNameServer = "no name server answers";
/** Nothing could be sent: there is no way to that network. */
export const noRoute = "network unreachable";

/** The command's error for a host name that does not resolve. `reason`: from `socketReason`. */
export function hostNotFound(host: string, reason: string): ParleyError {
  const message =
    reason === noNameServer
      ? `Cannot look up the host ${quoted(host)}: ${reason}${isOnline}`
      : `Cannot find the host ${quoted(host)}: is it spelled correctly?`;
  return new ParleyError("cannot-connect", message);
}

/**
 * The command's error for a connection that could not be opened. `reason`: from `dial` or
 * `socketReason`; `hint`: what to check if the host was reached.
 */
export function notConnected(
  to: { host: string; port: number },
  reason: string,
  hint = "Is parley server running there?",
): ParleyError {
  if (reason === noSuchHost || reason === noNameServer) return hostNotFound(to.host, reason);
  const advice = reason === noRoute ? isOnline : `. ${hint}`;
  const sentence = `Cannot connect to ${hostPortText(to)}: ${harmless(reason)}${advice}`;
  return new ParleyError("cannot-connect", sentence);
}

const isOnline = ". Is this machine connected to a network?";

/**
 * The error to throw if listening failed because `host` is not an address of this machine, or only
 * a part of one; undefined if there was another reason. Bun 1.4.5 sets no error code for TCP, and
 * an unrelated one for UDP.
 */
export function notOwnAddress(host: string, error: unknown): ParleyError | undefined {
  const code = systemCode(error);
  if (code === "EINVAL" && /^fe[89ab][\da-f]:[^%]*$/i.test(host)) {
    return new ParleyError(
      "failed",
      `--host ${quoted(host)} is a link-local address: add its network interface, such as ${harmless(host)}%eth0`,
    );
  }
  const isIt =
    code === "" ? errorMessage(error).startsWith("Failed to listen at") : notOwnCodes.has(code);
  if (!isIt) return undefined;
  return new ParleyError(
    "failed",
    `--host ${quoted(host)} is not an address of this machine: ` +
      "use 127.0.0.1 for this machine alone, 0.0.0.0 for everyone",
  );
}

const notOwnCodes = new Set(["EADDRNOTAVAIL", "ENOENT", "ESRCH", "ENOTFOUND", "EAI_AGAIN"]);

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ETIMEDOUT: "timed out",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: noRoute,
  EADDRINUSE: "the port is in use",
  EADDRNOTAVAIL: "this machine does not have that address",
  EACCES: "permission denied",
  ENOTFOUND: noSuchHost,
  DNS_ENOTFOUND: noSuchHost,
  DNS_ENODATA: noSuchHost,
  EAI_AGAIN: noNameServer,
  EAI_NONAME: noSuchHost,
  EAI_FAIL: noNameServer,
};

/** Why a socket could not be opened or connected, in a few words. */
export function socketReason(error: unknown): string {
  const code = systemCode(error);
  const known = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  if (known === undefined && code.startsWith("DNS_")) return noNameServer;
  return known ?? harmless(systemReason(error));
}
