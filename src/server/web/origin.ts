// Which requests the web port accepts: Host must refer to this server and, for WebSockets, Origin
// must be its own page. A hostile page can make a browser send anything but can't forge these two.
// Pure.

/**
 * Host names that refer to this server, in addition to loopback and IP addresses: lower case,
 * without a port.
 */
export type OwnNames = ReadonlySet<string>;

/**
 * Whether `host` (the Host header) refers to this server. IP addresses and `localhost` always do:
 * under DNS rebinding, the header still names the attacker's domain. Other names must be known.
 */
export function isOwnHost(host: string | null, names: OwnNames): boolean {
  // HTTP/1.0, which no browser sends.
  if (host === null) return true;
  const name = parseAuthority(host)?.name;
  if (name === undefined) return false;
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  return isAddress(name) || names.has(name);
}

/** Whether this is the name of a host, which two Host headers, joined by a comma, are not. */
export function isHost(host: string | null): boolean {
  return parseAuthority(host) !== undefined;
}

/**
 * Whether a request with this Origin may open a WebSocket. Programs send none and may; browsers
 * always send one, which must be `publicOrigin` or match the request's own host and port. The
 * scheme may differ: a proxy in front may use https.
 */
export function isOwnOrigin(
  origin: string | null,
  host: string | null,
  publicOrigin: string | undefined,
): boolean {
  if (origin === null) return true;
  if (origin.toLowerCase() === publicOrigin) return true;
  const match = /^(https?):\/\/([^/?#@\s]+)$/i.exec(origin);
  const page = parseAuthority(match?.[2] ?? null);
  const here = parseAuthority(host);
  if (page === undefined || here === undefined || page.name !== here.name) return false;
  const usual = match?.[1]?.toLowerCase() === "https" ? 443 : 80;
  // A Host without a port implies the scheme's default port, but the scheme is unknown here.
  return (page.port ?? usual) === (here.port ?? usual);
}

type Authority = { name: string; port: number | undefined };

/** `HOST[:[PORT]]` (RFC 3986 §3.2.3) with the host in lower case; undefined if invalid. */
function parseAuthority(text: string | null): Authority | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{0,5}))?$/i.exec(text ?? "");
  const name = match?.[1]?.toLowerCase().replace(/\.$/, "");
  if (name === undefined) return undefined;
  return { name, port: match?.[2] ? Number(match[2]) : undefined };
}

function isAddress(name: string): boolean {
  return name.startsWith("[") || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name);
}
