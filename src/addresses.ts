// What counts as one address where each may have so much, and what is this machine. Pure.

/** Whether only this machine can reach what listens there, or come from there. */
export function isLoopback(host: string): boolean {
  const isIpv4 = /^127(?:\.\d{1,3}){3}$/.test(plainAddress(host));
  return isIpv4 || host === "localhost" || host === "::1";
}

/** IPv4 as IPv4, also where a socket of both families shows it as IPv6. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

/**
 * What counts as one address where each may have so much: of IPv6 the first 64 bits, for whoever has one address has the other
 * 2^64 of its network too. Loopback and IPv4 addresses stand for themselves.
 */
export function networkOf(address: string): string {
  const groups = groupsOf(address);
  return groups === undefined ? plainAddress(address) : `${groups.slice(0, 4).join(":")}::/64`;
}

/**
 * The networks that an address is in, the smallest first, each with how many of the smallest it may count for: of IPv6 the /64,
 * the /56 and the /48, which providers hand out to one customer; else the address alone.
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

/** The first groups of an IPv6 address, four at least; undefined for IPv4 and loopback. */
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
