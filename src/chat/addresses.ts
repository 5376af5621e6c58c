// What counts as one address where each may have so much. Addresses are as the adapter gives them: IPv4 is never in IPv6's form. Pure.

/** Whether somebody comes from this machine. */
export function isLoopback(address: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(address) || address === "::1";
}

/** Of IPv6 the first 64 bits, for whoever has one address has the others of its network too; IPv4 addresses stand for themselves. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [left = [], right] = address
    .split("::")
    .map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = right === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: zeros }, () => "0"), ...(right ?? [])];
  return `${groups.slice(0, 4).join(":").toLowerCase()}::/64`;
}
