// Measures this machine for `parley doctor`.

import { doctor as limits, transfer, udp } from "../limits.ts";
import { chunkSealer } from "../io/chunk-cipher.ts";
import { UdpPort } from "../io/udp/udp.ts";
import { Descriptors } from "../server/descriptors.ts";
import type { Machine } from "./findings.ts";

export async function measureMachine(): Promise<Machine> {
  const port = await UdpPort.open({ onDatagrams: () => {} });
  const { offload } = port;
  port.close();
  const chunk = new Uint8Array(transfer.minChunkBytes);
  const seal = chunkSealer(new Uint8Array(transfer.keyBytes));
  let index = 0;
  return {
    platform: process.platform,
    udp: offload,
    wantedBufferBytes: udp.socketBufferBytes,
    descriptors: new Descriptors().limit,
    aesBytesPerSecond: measure(chunk.length, () => seal(index++, chunk)),
    shaBytesPerSecond: measure(chunk.length, () => Bun.SHA256.hash(chunk)),
  };
}

/**
 * Bytes per second of an operation that processes `bytes` each time: the best of several spans,
 * since whatever else runs on the machine says nothing about its processor.
 */
function measure(bytes: number, once: () => unknown): number {
  once();
  return Math.max(...Array.from({ length: spans }, () => measureSpan(bytes, once)));
}

const spans = 8;

function measureSpan(bytes: number, once: () => unknown): number {
  const startMs = performance.now();
  let [rounds, nowMs] = [0, startMs];
  while (nowMs - startMs < limits.cryptoMs / spans) {
    once();
    rounds++;
    nowMs = performance.now();
  }
  return (rounds * bytes * 1000) / (nowMs - startMs);
}
