// Why a TCP connection could not be opened. Bun 1.4.5 calls every failure a refusal, and people
// would look at the server although their own network is down.

import { isIPv6 } from "../addresses.ts";
import { noRoute, socketReason } from "./host-port.ts";
import { systemCode } from "../errors.ts";

/** A refusal takes a round trip. The kernel gives up a silent neighbour only after seconds. */
const refusalMs = 1_000;

const refusal = "ECONNREFUSED";

/** `tookMs`: how long the attempt took. Never rejects. */
export async function connectReason(error: unknown, host: string, tookMs: number): Promise<string> {
  const reason = socketReason(error);
  if (systemCode(error) !== refusal) return reason;
  if (!(await hasRoute(host))) return noRoute;
  return tookMs < refusalMs ? reason : `${reason}, or the host is not there`;
}

/** Whether the kernel has a route to any address of the host; it says so before sending. */
async function hasRoute(host: string): Promise<boolean> {
  const found = await Bun.dns.lookup(host).catch(() => []);
  for (const { address } of found) {
    try {
      const hostname = isIPv6(address) ? "::" : "0.0.0.0";
      const socket = await Bun.udpSocket({ hostname, connect: { hostname: address, port: 9 } });
      socket.close();
      return true;
    } catch (error) {
      // Without another reason it was a refusal.
      if (systemCode(error) !== "ENETUNREACH") return true;
    }
  }
  return found.length === 0;
}
