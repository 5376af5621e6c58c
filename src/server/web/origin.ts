// Who may talk to the web port: the Host that a request names and, for WebSockets, the Origin of the page that opened them.
// A hostile page can make a browser send anything, but not lie about these two. Pure.

/** Host names that are ours beside loopback and IP addresses, in lower case without a port. */
export type OwnNames = ReadonlySet<string>;

/**
 * Whether `host` (the Host header) means this server. IP addresses and `localhost` always do: a page that rebinds its own
 * domain to our address (DNS rebinding) still names that domain. Other names must be known.
 */
export function isOwnHost(host: string | null, names: OwnNames): boolean {
  const name = hostName(host);
  if (name === undefined) return false;
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  return isAddress(name) || names.has(name);
}

/**
 * Whether a request with this Origin may open a WebSocket. Programs send none and may; a browser always sends one, which
 * must be the page of this very host and port (a proxy in front may speak https), or of a known name.
 */
export function isOwnOrigin(origin: string | null, host: string | null, names: OwnNames): boolean {
  if (origin === null) return true;
  const match = /^https?:\/\/([^/?#@\s]+)$/i.exec(origin);
  const authority = match?.[1]?.toLowerCase();
  if (authority === undefined || host === null) return false;
  if (withoutDefaultPort(authority) === withoutDefaultPort(host.toLowerCase())) return true;
  const name = hostName(authority);
  return name !== undefined && names.has(name);
}

/** The name or address of `HOST[:PORT]`, in lower case; undefined if it is none. */
function hostName(host: string | null): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d{1,5})?$/i.exec(host ?? "");
  return match?.[1]?.toLowerCase().replace(/\.$/, "");
}

function isAddress(name: string): boolean {
  return name.startsWith("[") || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name);
}

function withoutDefaultPort(authority: string): string {
  return authority.replace(/:(?:80|443)$/, "");
}
