// How the receiver's loop reads its socket.

import { expect, spyOn, test } from "bun:test";
import { fetching as limits, transfer as wire } from "../../src/limits.ts";
import { type LoopSocket, ReceiverLoop, type SocketEvents } from "../../src/files/receiver-loop.ts";
import { noOffload, type UdpOffload } from "../../src/io/udp/udp.ts";
import { Receiver } from "../../src/transfer/receiver.ts";
import { until } from "../until.ts";
import { turns } from "../turns.ts";

const datagram = new Uint8Array(wire.maxSegmentBytes);

/** A socket whose datagrams wait until the loop reads them. */
class WaitingSocket implements LoopSocket {
  readonly hasBatches = true;
  /** How many datagrams each call of `readMore` has read. */
  readonly reads: number[] = [];
  /** Whether the event loop has to leave it alone, and how often it had to. */
  isMuted = false;
  mutes = 0;
  naps = 0;
  isClosed = false;
  /** Of datagrams. */
  waiting = 0;
  /** How often the loop alone has read it, in batches. */
  batches = 0;

  constructor(readonly offload: UdpOffload = noOffload) {}

  send(_: Uint8Array, length: number): number {
    return length;
  }

  readMore: LoopSocket["readMore"] = (visit, most = 128) => {
    const got = Math.min(this.waiting, most);
    this.waiting -= got;
    for (let i = 0; i < got; i++) visit(datagram, datagram.length, 0, i);
    this.reads.push(got);
    return got;
  };

  mute(): boolean {
    this.mutes++;
    this.isMuted = true;
    return true;
  }

  unmute(): void {
    this.isMuted = false;
  }

  nap(_us: number): void {
    this.naps++;
  }

  readAlone(isAlone: boolean): void {
    if (isAlone) this.batches++;
  }

  close(): void {
    this.isClosed = true;
  }
}

/** Starts a loop. `arrive`: the event loop has read one datagram, and others wait. */
async function startLoop(socket: WaitingSocket, onTurn = (): void => {}, loopback = true) {
  let events: SocketEvents | undefined;
  const loop = await ReceiverLoop.open({
    async open(given) {
      events = given;
      return socket;
    },
    loopback,
    onTurn() {
      onTurn();
      return false;
    },
    mayRequest: () => true,
    dueInUs: () => Number.POSITIVE_INFINITY,
    onRefused() {},
    onFailure(error) {
      throw error;
    },
  });
  loop.start(new Receiver({ token: new Uint8Array(wire.tokenBytes), sink() {}, loopback }));
  const arrive = (count: number): void => {
    socket.waiting += count - 1;
    events?.onDatagrams(new Uint8Array(wire.maxSegmentBytes));
  };
  return { loop, arrive };
}

test("on loopback, what is waiting is read without an event for each, a few at a time", async () => {
  const socket = new WaitingSocket();
  const { loop, arrive } = await startLoop(socket);
  socket.reads.length = 0;
  arrive(21);
  await until(() => socket.reads.at(-1) === 0);
  loop.close();
  const most = limits.waitingDatagrams;
  expect(socket.reads).toEqual([most, most, 20 - 2 * most, 0]);
  expect(socket.mutes).toBe(0);
});

test("on loopback, the event loop leaves the socket alone while much arrives, and no longer", async () => {
  const socket = new WaitingSocket();
  const { loop, arrive } = await startLoop(socket);
  const much = Math.ceil(limits.mutedFromBytes / datagram.length) + limits.waitingDatagrams;
  for (let time = 1; time <= 2; time++) {
    arrive(much);
    await until(() => socket.mutes === time && !socket.isMuted);
    expect(socket.waiting).toBe(0);
    expect(socket.naps).toBe(time * limits.mutedNaps);
  }
  // It no longer reads in each turn; the receiver's timers may have it look.
  const reads = socket.reads.length;
  await turns(50);
  expect(socket.reads.length - reads).toBeLessThan(10);
  loop.close();
});

test("a loop that ends while much arrives leaves its socket alone: the number may be another's", async () => {
  const socket = new WaitingSocket();
  const { loop, arrive } = await startLoop(socket, () => {
    const got = socket.reads.reduce((all, count) => all + count, 1);
    if (got * datagram.length >= limits.mutedFromBytes) loop.close();
  });
  arrive(Math.ceil(limits.mutedFromBytes / datagram.length) + limits.waitingDatagrams);
  await until(() => socket.isClosed);
  expect(socket.mutes).toBe(0);
});

test("merged datagrams are read in batches if what arrives during a nap fits into the socket", async () => {
  let nowMs = 0;
  using _ = spyOn(performance, "now").mockImplementation(() => nowMs);
  const batchesWith = async (receiveBufferBytes: number, gapMs: number): Promise<number> => {
    const socket = new WaitingSocket({ ...noOffload, merge: true, receiveBufferBytes });
    spyOn(socket, "nap").mockImplementation((us) => void (nowMs += us / 1_000));
    const { loop, arrive } = await startLoop(socket, () => {}, false);
    for (let i = 0; i < 4 * limits.batchedDatagrams; i++) {
      nowMs += gapMs;
      arrive(1);
      await turns();
    }
    loop.close();
    return socket.batches;
  };
  const fastMs = limits.batchedTurnMs / limits.batchedDatagrams;
  expect(await batchesWith(8 << 20, fastMs)).toBeGreaterThan(0);
  // As much of it as the kernel grants by default.
  expect(await batchesWith(208 << 10, fastMs)).toBe(0);
  // Few datagrams are not worth it.
  expect(await batchesWith(8 << 20, 4 * fastMs)).toBe(0);
});
