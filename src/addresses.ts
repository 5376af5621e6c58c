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
  const plain = plainAddress(address);
  if (!plain.includes(":") || isLoopback(plain)) return plain;
  const [head, tail] = plain
    .split("::")
    .map((part) => part.split(":").filter((group) => group !== ""));
  const left = head ?? [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - tail.length);
  const groups = [...left, ...Array.from({ length: zeros }, () => "0"), ...(tail ?? [])];
  return `${groups.slice(0, 4).join(":").toLowerCase()}::/64`;
}
