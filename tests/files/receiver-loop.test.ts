// How the receiver's loop reads its socket.

import { expect, test } from "bun:test";
import { fetching as limits, transfer as wire } from "../../src/limits.ts";
import { type LoopSocket, ReceiverLoop, type SocketEvents } from "../../src/files/receiver-loop.ts";
import { noOffload } from "../../src/io/udp/udp.ts";
import { Receiver } from "../../src/transfer/receiver.ts";
import { until } from "../until.ts";

const datagram = new Uint8Array(wire.maxSegmentBytes);

/** A socket whose datagrams wait until the loop reads them. */
class WaitingSocket implements LoopSocket {
  readonly offload = noOffload;
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

  nap(): void {
    this.naps++;
  }

  readAlone(): void {}
  close(): void {
    this.isClosed = true;
  }
}

/** Starts a loop on loopback. `arrive`: the event loop has read one datagram, and others wait. */
async function startLoop(socket: WaitingSocket, onTurn = (): void => {}) {
  let events: SocketEvents | undefined;
  const loop = await ReceiverLoop.open({
    async open(given) {
      events = given;
      return socket;
    },
    loopback: true,
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
  loop.start(new Receiver({ token: new Uint8Array(wire.tokenBytes), sink() {}, loopback: true }));
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
  for (let turn = 0; turn < 50; turn++) await new Promise<void>((go) => setImmediate(go));
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
