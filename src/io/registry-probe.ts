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

/** Addresses of one name that are asked. */
const maxAddresses = 8;

/** Never rejects. */
export async function isParleyAt({ host, port }: Address): Promise<boolean> {
  try {
    const found = await Bun.dns.lookup(host);
    // It may listen on one of them only: `localhost` may be ::1 first.
    const asked = found.slice(0, maxAddresses).map(({ address }) => answersAt(address, port));
    return await Promise.any(asked);
  } catch {
    return false;
  }
}

/** @throws unless a parley answers */
async function answersAt(host: string, port: number): Promise<true> {
  const token = secretBytes(wire.tokenBytes);
  const init = new Uint8Array(initBytes);
  writeInit(init, { token, timeUs: 0 });
  const answered = Promise.withResolvers<true>();
  const refused = (): void => answered.reject(new Error("no parley"));
  const udp = await UdpPort.open({
    connect: { host, port },
    offload: false,
    onDatagrams(bytes) {
      const cookie = readCookie(bytes, 0, bytes.length);
      if (cookie !== undefined && Buffer.from(cookie.token).equals(token)) answered.resolve(true);
    },
    onRefused: refused,
  });
  const again = setInterval(() => udp.send(init, init.length), againMs);
  const late = setTimeout(refused, limits.probeMs);
  try {
    udp.send(init, init.length);
    return await answered.promise;
  } finally {
    clearInterval(again);
    clearTimeout(late);
    udp.close();
  }
}
