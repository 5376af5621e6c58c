// How the receiver's loop reads its socket.

import { expect, test } from "bun:test";
import { fetching as limits, transfer as wire } from "../../src/limits.ts";
import { type LoopSocket, ReceiverLoop, type SocketEvents } from "../../src/files/receiver-loop.ts";
import { noOffload } from "../../src/io/udp/udp.ts";
import { Receiver } from "../../src/transfer/receiver.ts";
import { until } from "../until.ts";

const datagram = new Uint8Array(wire.maxSegmentBytes);

/** A socket with datagrams waiting; `reads`: how many each call of `readMore` has read. */
function waitingSocket(count: number): { socket: LoopSocket; reads: number[] } {
  const reads: number[] = [];
  let left = count;
  const socket: LoopSocket = {
    offload: noOffload,
    hasBatches: true,
    send: (_, length) => length,
    readAlone() {},
    readMore(visit, most = 128) {
      const got = Math.min(left, most);
      left -= got;
      for (let i = 0; i < got; i++) visit(datagram, datagram.length, 0, i);
      reads.push(got);
      return got;
    },
    nap() {},
    close() {},
  };
  return { socket, reads };
}

test("on loopback, what is waiting is read without an event for each, a few at a time", async () => {
  const { socket, reads } = waitingSocket(20);
  let events: SocketEvents | undefined;
  const loop = await ReceiverLoop.open({
    async open(given) {
      events = given;
      return socket;
    },
    loopback: true,
    onTurn: () => false,
    mayRequest: () => true,
    dueInUs: () => Number.POSITIVE_INFINITY,
    onRefused() {},
    onFailure(error) {
      throw error;
    },
  });
  loop.start(new Receiver({ token: new Uint8Array(wire.tokenBytes), sink() {}, loopback: true }));
  events?.onDatagrams(new Uint8Array(wire.maxSegmentBytes));
  await until(() => reads.at(-1) === 0);
  loop.close();
  const most = limits.waitingDatagrams;
  expect(reads.slice(0, 4)).toEqual([most, most, 20 - 2 * most, 0]);
});
