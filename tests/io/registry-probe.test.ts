// Whether a registry is a parley, asked at a name that has several addresses.

import { expect, spyOn, test } from "bun:test";
import { isParleyAt } from "../../src/io/registry-probe.ts";
import { UdpPort } from "../../src/io/udp/udp.ts";
import { transfer as limits } from "../../src/limits.ts";
import { Sender } from "../../src/transfer/sender.ts";

/** A port that answers as a server does, on one address only. */
async function answering(host: string): Promise<UdpPort> {
  const sender = new Sender({ keyedHash: () => new Uint8Array(32) });
  const into = new Uint8Array(limits.maxRequestBytes);
  const port: UdpPort = await UdpPort.open({
    host,
    onDatagrams(bytes, address, from) {
      const length = sender.handleDatagrams(bytes, { address, port: from, local: "" }, into, 0);
      if (length > 0) port.send(into.subarray(0, length), length, address, from);
    },
  });
  return port;
}

test("a registry is found at whichever of its name's addresses it answers", async () => {
  const udp = await answering("127.0.0.1");
  // As where `localhost` is ::1 first, and the server listens on 127.0.0.1.
  const lookup = spyOn(Bun.dns, "lookup").mockResolvedValue([
    { address: "::1", family: 6, ttl: 0 },
    { address: "127.0.0.1", family: 4, ttl: 0 },
  ]);
  expect(await isParleyAt({ host: "registry.example", port: udp.port })).toBe(true);
  udp.close();
  expect(await isParleyAt({ host: "registry.example", port: udp.port })).toBe(false);
  lookup.mockRestore();
});
