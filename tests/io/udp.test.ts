// A UDP socket transports the same bytes with and without offload, and reports its offloads.

import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { udp } from "../../src/limits.ts";
import { UdpPort } from "../../src/io/udp/udp.ts";
import { skipUnless } from "../skip.ts";
import { until } from "../until.ts";
import { turns } from "../turns.ts";

const testOnLinux = skipUnless(process.platform === "linux", "datagrams in batches need Linux");

const datagramBytes = 1_000;
const count = 40;

/** Numbered datagrams; merged or not, they are counted one by one. */
async function roundTrip(offload: boolean): Promise<number[]> {
  const seen: number[] = [];
  const done = Promise.withResolvers<void>();
  const receiver = await UdpPort.open({
    host: "127.0.0.1",
    offload,
    onDatagrams(bytes) {
      for (let at = 0; at < bytes.length; at += datagramBytes) seen.push(bytes[at] ?? -1);
      if (seen.length === count) done.resolve();
    },
  });
  const sender = await UdpPort.open({ host: "127.0.0.1", offload, onDatagrams() {} });
  const burst = new Uint8Array(datagramBytes * count - 500);
  for (let i = 0; i < count; i++) burst[i * datagramBytes] = i;
  let sent = 0;
  while (sent < burst.length) {
    sent += sender.send(burst.subarray(sent), datagramBytes, "127.0.0.1", receiver.port);
  }
  await done.promise;
  sender.close();
  receiver.close();
  return seen;
}

const inOrder = Array.from({ length: count }, (_, i) => i);

test.each([true, false])("a burst arrives whole and in order (offload: %p)", async (offload) => {
  expect(await roundTrip(offload)).toEqual(inOrder);
});

test.each([true, false])(
  "a refusing peer does not affect others (offload: %p)",
  async (offload) => {
    const gone = await UdpPort.open({ host: "127.0.0.1", onDatagrams() {} });
    const refusing = gone.port;
    gone.close();
    let seen = 0;
    const done = Promise.withResolvers<void>();
    const peer = await UdpPort.open({
      host: "127.0.0.1",
      offload: false,
      onDatagrams: () => void (++seen === 3 * count && done.resolve()),
    });
    const sender = await UdpPort.open({ host: "127.0.0.1", offload, onDatagrams() {} });
    const one = new Uint8Array(datagramBytes);
    for (let i = 0; i < count; i++) {
      sender.send(one, datagramBytes, "127.0.0.1", refusing);
      sender.send(one, datagramBytes, "127.0.0.1", peer.port);
      sender.send(one, datagramBytes, "127.0.0.1", refusing);
      sender.send(new Uint8Array(2 * datagramBytes), datagramBytes, "127.0.0.1", peer.port);
    }
    await done.promise;
    sender.close();
    peer.close();
  },
);

testOnLinux("datagrams are read in batches, bypassing the event loop", async () => {
  const peer = await UdpPort.open({ host: "127.0.0.1", onDatagrams() {} });
  const byLoop: number[] = [];
  const port = await UdpPort.open({
    connect: { host: "127.0.0.1", port: peer.port },
    batches: true,
    onDatagrams: (bytes) => byLoop.push(bytes.length),
  });
  expect(port.hasBatches).toBe(true);
  const sizes = Array.from({ length: udp.batchDatagrams + 20 }, (_, i) => 100 + i);
  for (const size of sizes) {
    peer.send(new Uint8Array(size).fill(size), size, "127.0.0.1", port.port);
  }
  // Loopback has delivered when `send` returns, before the event loop has had a turn.
  const read: number[] = [];
  const counts: number[] = [];
  for (const most of [7, undefined, undefined, undefined]) {
    const take = (bytes: Uint8Array, length: number, agoUs: number): void => {
      expect(bytes[length - 1]).toBe(length);
      expect(agoUs).toBeGreaterThan(0);
      read.push(length);
    };
    counts.push(port.readMore(take, most));
  }
  expect(counts).toEqual([7, udp.batchDatagrams, sizes.length - udp.batchDatagrams - 7, 0]);
  expect(read).toEqual(sizes);
  expect(byLoop).toEqual([]);
  peer.close();
  port.close();
  expect(port.readMore(() => {})).toBe(0);
});

testOnLinux("the kernel tells when a datagram came, and not when it was read", async () => {
  const peer = await UdpPort.open({ host: "127.0.0.1", onDatagrams() {} });
  const connect = { host: "127.0.0.1", port: peer.port };
  const port = await UdpPort.open({ connect, batches: true, onDatagrams() {} });
  const agesUs: number[] = [];
  let sinceUs = 0;
  // A busy kernel may deliver late, even on loopback; one that stamps when reading never gets here.
  while ((agesUs.at(-1) ?? 0) < 19_000) {
    const beforeMs = performance.now();
    peer.send(Buffer.from("early"), 5, "127.0.0.1", port.port);
    const sentMs = performance.now();
    while (performance.now() < sentMs + 20);
    port.readMore((_bytes, _length, agoUs) => agesUs.push(agoUs));
    sinceUs = (performance.now() - beforeMs) * 1_000;
  }
  expect(agesUs.at(-1)).toBeLessThanOrEqual(sinceUs + 1_000);
  peer.close();
  port.close();
});

testOnLinux(
  "a socket that is read alone is not read by the event loop, and is given back",
  async () => {
    const heard: string[] = [];
    const told = Promise.withResolvers<void>();
    const peer = await UdpPort.open({
      host: "127.0.0.1",
      onDatagrams: (bytes) => heard.push(Buffer.from(bytes).toString()),
    });
    const byLoop: string[] = [];
    const port = await UdpPort.open({
      connect: { host: "127.0.0.1", port: peer.port },
      batches: true,
      onDatagrams(bytes) {
        byLoop.push(Buffer.from(bytes).toString());
        told.resolve();
      },
    });
    const before = new Set(readdirSync("/proc/self/fd"));
    // Other tests' sockets may still be closing, but none are being opened.
    const more = () => readdirSync("/proc/self/fd").filter((fd) => !before.has(fd));
    port.readAlone(true);
    port.readAlone(true);
    peer.send(Buffer.from("one"), 3, "127.0.0.1", port.port);
    await turns(5);
    expect(byLoop).toEqual([]);
    expect(port.send(Buffer.from("from alone"), 10)).toBe(10);
    const read: string[] = [];
    port.readMore((bytes, length) => read.push(Buffer.from(bytes.subarray(0, length)).toString()));
    expect(read).toEqual(["one"]);
    // Datagrams that arrived meanwhile are not lost.
    peer.send(Buffer.from("two"), 3, "127.0.0.1", port.port);
    port.readAlone(false);
    port.readAlone(false);
    await told.promise;
    expect(byLoop).toEqual(["two"]);
    expect(more()).toEqual([]);
    expect(port.send(Buffer.from("from both"), 9)).toBe(9);
    await until(() => heard.length >= 2);
    expect(heard).toEqual(["from alone", "from both"]);
    // Closed while taken: its port is free, and its descriptors are closed.
    const { port: own } = port;
    port.readAlone(true);
    port.close();
    expect(more()).toEqual([]);
    const next = await UdpPort.open({ host: "0.0.0.0", port: own, onDatagrams() {} });
    next.close();
    peer.close();
  },
);

test("without offload, none is reported", async () => {
  const port = await UdpPort.open({
    host: "127.0.0.1",
    offload: false,
    batches: true,
    onDatagrams() {},
  });
  expect(port.offload).toMatchObject({ segment: false, merge: false });
  expect([port.hasBatches, port.canNap, port.readMore(() => {})]).toEqual([false, false, 0]);
  port.close();
});

test("an unsendable datagram counts as lost and does not throw", async () => {
  const port = await UdpPort.open({ host: "127.0.0.1", onDatagrams() {} });
  const tooLong = new Uint8Array(70_000);
  expect(port.send(tooLong, tooLong.length, "127.0.0.1", 9)).toBe(tooLong.length);
  expect(port.send(new Uint8Array(10), 10, "::1", 9)).toBe(10);
  expect(port.send(new Uint8Array(3_000), 1_000, "::1", 9)).toBe(3_000);
  port.close();
  expect(port.send(new Uint8Array(10), 10, "127.0.0.1", 9)).toBe(10);
});

test("a connected socket receives only from its peer, and learns of a refusal", async () => {
  const heard: string[] = [];
  const peer = await UdpPort.open({ host: "127.0.0.1", onDatagrams() {} });
  const got = Promise.withResolvers<void>();
  const port = await UdpPort.open({
    connect: { host: "127.0.0.1", port: peer.port },
    onDatagrams(bytes, address, from) {
      heard.push(`${Buffer.from(bytes).toString()} ${address}:${from}`);
      got.resolve();
    },
  });
  const stranger = await UdpPort.open({ host: "127.0.0.1", onDatagrams() {} });
  stranger.send(Buffer.from("forged"), 6, "127.0.0.1", port.port);
  peer.send(Buffer.from("right"), 5, "127.0.0.1", port.port);
  await got.promise;
  expect(heard).toEqual([`right 127.0.0.1:${peer.port}`]);
  stranger.close();
  peer.close();
  port.close();

  const refused = Promise.withResolvers<void>();
  const lonely = await UdpPort.open({
    connect: { host: "127.0.0.1", port: peer.port },
    onDatagrams() {},
    onRefused: () => refused.resolve(),
  });
  const again = setInterval(() => lonely.send(Buffer.from("?"), 1), 5);
  await refused.promise;
  clearInterval(again);
  lonely.close();
});
