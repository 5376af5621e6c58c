// Whether a registry without TLS is one of ours, found out without a byte to its TCP port, which
// could confuse an original program: parley answers a transfer's INIT on the UDP port of the same
// number.

import { peer as limits, transfer as wire } from "../limits.ts";
import { secretBytes } from "../secrets.ts";
import { initBytes, readCookie, writeInit } from "../transfer/wire.ts";
import type { Address } from "./host-port.ts";
import { UdpPort } from "./udp/udp.ts";

/** Waits between the datagrams: one may be lost. */
const againMs = 120;

/** Never rejects. */
export async function isParleyAt({ host, port }: Address): Promise<boolean> {
  const token = secretBytes(wire.tokenBytes);
  const init = new Uint8Array(initBytes);
  writeInit(init, { token, timeUs: 0 });
  const answered = Promise.withResolvers<boolean>();
  let udp: UdpPort | undefined;
  let again: Timer | undefined;
  try {
    const [first] = await Bun.dns.lookup(host);
    if (first === undefined) return false;
    udp = await UdpPort.open({
      connect: { host: first.address, port },
      offload: false,
      onDatagrams(bytes) {
        const cookie = readCookie(bytes, 0, bytes.length);
        if (cookie !== undefined && Buffer.from(cookie.token).equals(token)) answered.resolve(true);
      },
      onRefused: () => answered.resolve(false),
    });
    const open = udp;
    open.send(init, init.length);
    again = setInterval(() => open.send(init, init.length), againMs);
    return await Promise.race([answered.promise, Bun.sleep(limits.probeMs).then(() => false)]);
  } catch {
    return false;
  } finally {
    clearInterval(again);
    udp?.close();
  }
}
