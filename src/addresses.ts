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

const byte = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ipv4Form = new RegExp(`^${byte}(?:\\.${byte}){3}$`);
const zoneForm = /%[\dA-Za-z.:-]+$/;

/** 4 or 6: a numeric address of that version, for 6 perhaps with a zone; 0: anything else. */
export function isIP(text: string): 0 | 4 | 6 {
  if (ipv4Form.test(text)) return 4;
  return isIPv6(text) ? 6 : 0;
}

/** As `node:net` decides, which takes 3 ms to load at the start of every command. */
export function isIPv6(text: string): boolean {
  const address = text.replace(zoneForm, "");
  const halves = address.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  // An IPv4 address may stand for the last two groups.
  const last = groups.at(-1) ?? "";
  const isEmbedded = !address.endsWith("::") && ipv4Form.test(last);
  const hex = isEmbedded ? groups.slice(0, -1) : groups;
  const count = hex.length + (isEmbedded ? 2 : 0);
  const isLong = halves.length === 2 ? count <= 7 : count === 8;
  return isLong && hex.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group));
}
