// A socket with many peers reads the same datagrams one by one and in batches, forwards them
// unchanged, and yields to other work however many arrive.

import { ptr } from "bun:ffi";
import { expect, test } from "bun:test";
import { BatchWriter, Destination } from "../../src/io/udp/batch-writer.ts";
import type { Libc } from "../../src/io/udp/libc.ts";
import { ListeningSocket } from "../../src/io/udp/listening-socket.ts";
import { addressIn, portIn, socketAddress, textIn } from "../../src/io/udp/socket-address.ts";
import type { UdpPath } from "../../src/transfer/udp-path.ts";
import { UdpPort } from "../../src/io/udp/udp.ts";
import { udp as limits } from "../../src/limits.ts";
import { skipUnless } from "../skip.ts";
import { turns } from "../turns.ts";

const testOnLinux = skipUnless(process.platform === "linux", "datagrams in batches need Linux");
const local = "127.0.0.1";

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns();
}

test("addresses survive a round trip in the kernel's format", () => {
  for (const [address, port] of [
    ["192.0.2.77", 1],
    ["127.0.0.1", 65_535],
    ["::1", 55_000],
    ["2001:db8::a:b", 1_024],
    ["2001:db8:1:2:3:4:5:6", 300],
    ["::ffff:192.0.2.1", 40_000],
    ["fd00::", 9_999],
  ] as const) {
    const bytes = socketAddress(address, port)!;
    expect([textIn(bytes), portIn(bytes)]).toEqual([address, port]);
  }
  for (const none of ["", "example.org", "fe80::1%eth0", "1.2.3"]) {
    expect(socketAddress(none, 1)).toBeUndefined();
  }
});

testOnLinux(
  "a link-local address is read with its zone, without which nothing can be sent to it",
  () => {
    const bytes = socketAddress("fe80::1", 55_000)!;
    // The loopback interface.
    bytes[24] = 1;
    expect([textIn(bytes), addressIn(bytes)]).toEqual(["fe80::1%lo", "fe80::1"]);
    bytes[27] = 255;
    expect(textIn(bytes)).toBe("fe80::1");
  },
);

testOnLinux("the event loop reads nothing while it is kept from it", async () => {
  const byLoop: number[] = [];
  const port = await UdpPort.open({
    host: local,
    batches: true,
    onDatagrams: (bytes) => void byLoop.push(bytes[0]!),
  });
  const peer = await UdpPort.open({ host: local, onDatagrams() {} });
  const send = (byte: number) => peer.send(Uint8Array.of(byte), 1, local, port.port);
  // By then it no longer waits until it can send.
  send(0);
  await until(() => byLoop.splice(0).length > 0);
  expect(port.mute()).toBe(true);
  // It no longer reads anything.
  expect(port.mute()).toBe(false);
  // From now on it can send again.
  await turns(2);
  for (const byte of [1, 2, 3]) send(byte);
  await turns(5);
  const read: string[] = [];
  port.readMore((bytes, _length, _ago, index) => {
    read.push(`${bytes[0]} from ${textIn(port.nameAt(index))}:${portIn(port.nameAt(index))}`);
  });
  expect(read).toEqual([1, 2, 3].map((byte) => `${byte} from ${local}:${peer.port}`));
  expect(byLoop).toEqual([]);
  port.unmute();
  send(4);
  await until(() => byLoop.length > 0);
  expect(byLoop).toEqual([4]);
  port.close();
  peer.close();
});

/** Numbered datagrams, enough to keep a socket busy. */
const count = 4_000;

for (const forwards of [true, false]) {
  test(`many small datagrams ${forwards ? "are forwarded" : "arrive"} as they are, and in order`, async () => {
    const got: number[] = [];
    let inBatches = 0;
    const paths = new Set<UdpPath>();
    const target = await UdpPort.open({
      host: local,
      onDatagrams(bytes) {
        for (let at = 0; at < bytes.length; at += 100) got.push(bytes[at]! * 256 + bytes[at + 1]!);
      },
    });
    const path: UdpPath = { address: local, port: target.port, local };
    const socket = await ListeningSocket.open({
      host: local,
      local,
      onDatagrams(bytes, from) {
        paths.add(from);
        expect([from.address, from.port]).toEqual([local, peer.port]);
        // Like a relay.
        socket.port.send(bytes, 100, path.address, path.port);
      },
      forward() {
        inBatches++;
        return forwards ? { path, datagramBytes: 100 } : undefined;
      },
      send: (bytes, to) =>
        void socket.port.send(bytes, to.datagramBytes, to.path.address, to.path.port),
    });
    const peer = await UdpPort.open({ host: local, onDatagrams() {} });
    peer.send(new Uint8Array(100), 100, local, socket.port.port);
    await until(() => got.splice(0).length > 0);
    socket.readInBatches();
    await turns(2);
    for (let i = 0; i < count;) {
      // One by one and merged, so that both kinds are covered; slowly enough for the buffers.
      for (const merged of [1, 1, 1, 5]) {
        const bytes = new Uint8Array(100 * merged);
        for (let j = 0; j < merged; j++, i++) bytes.set([i >> 8, i & 255], 100 * j);
        peer.send(bytes, 100, local, socket.port.port);
      }
      if (i % 400 === 0) await until(() => (got.at(-1) ?? 0) >= i - 400);
    }
    await until(() => got.at(-1) === count - 1);
    // A few are lost when it becomes busy.
    expect(got.length).toBeGreaterThan(count - 4 * limits.busyReads);
    if (process.platform === "linux") expect(inBatches).toBeGreaterThan(100);
    expect(got.every((number, i) => i === 0 || number > got[i - 1]!)).toBe(true);
    socket.close();
    peer.close();
    target.close();
  });
}

testOnLinux(
  "datagrams that are only forwarded come in batches when there are few of them",
  async () => {
    const target = await UdpPort.open({ host: local, onDatagrams() {} });
    const path: UdpPath = { address: local, port: target.port, local };
    const peer = await UdpPort.open({ host: local, onDatagrams() {} });
    const inBatches = { count: 0 };
    // Once would do, unless the machine is too busy to read them within a moment.
    while (inBatches.count === 0) {
      let got = 0;
      const socket = await ListeningSocket.open({
        host: local,
        local,
        onDatagrams: () => void got++,
        isForwarded: ({ port }) => port === peer.port,
        forward: () => (inBatches.count++, { path, datagramBytes: 100 }),
      });
      // Of others, these are too few.
      for (let n = 1; n < limits.busyReads; n++) {
        peer.send(new Uint8Array(100), 100, local, socket.port.port);
      }
      await until(() => got + inBatches.count === limits.busyReads - 1);
      socket.close();
    }
    peer.close();
    target.close();
  },
);

testOnLinux("a flood from another process leaves turns to others", async () => {
  let [arrived, busyTurns, mostPerTurn, before] = [0, 0, 0, 0];
  const socket = await ListeningSocket.open({
    host: local,
    local,
    onDatagrams: () => void arrived++,
    forward: () => (arrived++, false),
  });
  const script = `const s = await Bun.udpSocket({}); const d = new Uint8Array(200);
    for (;;) s.sendMany(Array.from({ length: 100 }, () => [d, ${socket.port.port}, "127.0.0.1"]).flat());`;
  const flood = Bun.spawn([process.execPath, "-e", script], { stderr: "ignore" });
  // Others have turns while it lasts, and no turn is for more than one slice and Bun's buffer.
  await until(() => {
    if (arrived > before) busyTurns++;
    mostPerTurn = Math.max(mostPerTurn, arrived - before);
    before = arrived;
    return busyTurns > 20 && arrived > limits.busyReads && mostPerTurn < arrived / 2;
  });
  flood.kill("SIGKILL");
  await flood.exited;
  socket.close();
});

test("datagrams of several peers are told apart, in every batch", async () => {
  const got: [Set<number>, Set<number>] = [new Set(), new Set()];
  let count = 0;
  const peers = await Promise.all(
    [0, 1].map((i) =>
      UdpPort.open({
        host: local,
        onDatagrams(bytes) {
          for (let at = 0; at < bytes.length; at += 50, count++) got[i as 0 | 1].add(bytes[at]!);
        },
      }),
    ),
  );
  const paths = peers.map(({ port }) => ({ address: local, port, local }));
  const other = (port: number): UdpPath => (port === paths[0]!.port ? paths[1]! : paths[0]!);
  let first = true;
  const socket = await ListeningSocket.open({
    host: local,
    local,
    onDatagrams: (bytes, from) => void (first ? (first = false) : back(bytes, from.port)),
    forward: (_bytes, _length, from) => ({ path: other(from.port), datagramBytes: 50 }),
    send: (bytes, to) => void socket.port.send(bytes, 50, to.path.address, to.path.port),
  });
  const back = (bytes: Uint8Array, from: number): void => {
    socket.port.send(bytes, 50, local, other(from).port);
  };
  peers[0]!.send(new Uint8Array(50).fill(9), 50, local, socket.port.port);
  await until(() => !first);
  socket.readInBatches();
  await turns(2);
  for (let round = 0; round < 100; round++) {
    // Which peer sends first alternates.
    for (const i of round % 2 === 0 ? [0, 1, 1] : [1, 0, 0]) {
      peers[i]!.send(new Uint8Array(50).fill(i), 50, local, socket.port.port);
    }
    if (round % 5 === 4) await until(() => count === 3 * (round + 1));
  }
  expect(got.map((seen) => [...seen])).toEqual([[1], [0]]);
  socket.close();
  for (const peer of peers) peer.close();
});

testOnLinux(
  "datagrams of one size to one peer are one entry, whose parts are sent again if it fails",
  () => {
    const calls: number[] = [];
    const answers: number[] = [];
    const fake = {
      sendmmsg: (_fd: number, _from: unknown, entries: number) => {
        calls.push(entries);
        return answers.shift() ?? entries;
      },
    } as unknown as Libc;
    const [one, other] = [1, 2].map((port) => new Destination(socketAddress(local, port)!));
    const bytes = new Uint8Array(100);
    const fill = (writer: BatchWriter): void => {
      for (let i = 0; i < 10; i++) writer.add(ptr(bytes), 100, 100, one!);
      writer.add(ptr(bytes), 50, 50, one!);
      for (let i = 0; i < 3; i++) writer.add(ptr(bytes), 100, 100, other!);
    };
    const writer = new BatchWriter(fake, true);
    fill(writer);
    writer.flush(1);
    expect(calls.splice(0)).toEqual([3]);
    // A pending refusal, or a device that splits nothing.
    answers.push(-1);
    fill(writer);
    writer.flush(1);
    expect(calls.splice(0)).toEqual([3, ...Array.from({ length: 10 }, () => 1), 2]);
    // No more than the kernel splits.
    for (let i = 0; i < 100; i++) writer.add(ptr(bytes), 100, 100, one!);
    writer.flush(1);
    expect(calls.splice(0)).toEqual([2]);
    const single = new BatchWriter(fake, false);
    fill(single);
    single.flush(1);
    expect(calls).toEqual([14]);
  },
);
