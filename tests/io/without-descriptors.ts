// A program for udp-listener.test.ts, which runs it with few descriptors: takes all of them while a
// port, and the end of a path, look for addresses of this machine.

import { closeSync, openSync } from "node:fs";
import { ownAddresses } from "../../src/handover/paths/own-addresses.ts";
import { UdpListener } from "../../src/io/udp/udp-listener.ts";
import { udp as limits } from "../../src/limits.ts";

const path = { address: "192.0.2.9", port: 9, local: "" };
const listener = await UdpListener.open({ host: "0.0.0.0", port: 0, onDatagrams() {} });
const before = [...listener.locals];
const taken: number[] = [];
try {
  for (;;) taken.push(openSync("/dev/null", "r"));
} catch {
  // There are no more.
}
await Bun.sleep(limits.addressScanGapMs);
const own = ownAddresses();
listener.handleWildcard(new Uint8Array(1), path);
for (const fd of taken) closeSync(fd);
const isKept = String([...listener.locals]) === String(before);
console.log(`took ${taken.length > 0}, kept ${isKept}, own ${own.length}`);
listener.close();
