// Groups addresses for limits, and recognizes this machine's. Pure.

/** Whether the address belongs to this machine only. */
export function isLoopback(host: string): boolean {
  const isIpv4 = /^127(?:\.\d{1,3}){3}$/.test(plainAddress(host));
  return isIpv4 || host === "localhost" || host === "::1";
}

/** Converts IPv4-mapped IPv6 addresses to IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

/**
 * The network that shares limits with the address: for IPv6 its first 64 bits, because a host can
 * usually use any address in its /64. IPv4 and loopback addresses stand for themselves.
 */
export function networkOf(address: string): string {
  const groups = groupsOf(address);
  return groups === undefined ? plainAddress(address) : `${groups.slice(0, 4).join(":")}::/64`;
}

/**
 * The networks that contain the address, smallest first, each with its share, that is how many of
 * the smallest network it may count for. For IPv6 these are the /64, and the /56 and /48 that
 * providers assign to one customer; otherwise only the address itself.
 */
export function networksOf(address: string): readonly { network: string; share: number }[] {
  const groups = groupsOf(address);
  if (groups === undefined) return [{ network: plainAddress(address), share: 1 }];
  const [first, second, third, fourth] = groups;
  const upper = fourth!.padStart(4, "0").slice(0, 2);
  return [
    { network: networkOf(address), share: 1 },
    { network: `${first}:${second}:${third}:${upper}00::/56`, share: 4 },
    { network: `${first}:${second}:${third}::/48`, share: 8 },
  ];
}

/** The widest of those networks: an IPv6 /48, otherwise the address. Also accepts a network. */
export function widestNetworkOf(address: string): string {
  return networksOf(address).at(-1)!.network;
}

/** The first groups of an IPv6 address, at least four; undefined for IPv4 and loopback. */
function groupsOf(address: string): readonly string[] | undefined {
  const plain = plainAddress(address);
  if (!plain.includes(":") || isLoopback(plain)) return undefined;
  const [head, tail] = plain
    .toLowerCase()
    .split("::")
    .map((part) => part.split(":").filter((group) => group !== ""));
  const left = head ?? [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - tail.length);
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...(tail ?? [])];
}
