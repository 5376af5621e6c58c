// What a receiver does while nothing can arrive.

import { createHmac } from "node:crypto";
import { expect, test } from "bun:test";
import { transfer as limit, udpTransfer as udp } from "../../src/limits.ts";
import { Receiver } from "../../src/transfer/receiver.ts";
import { Sender } from "../../src/transfer/sender.ts";

const token = new Uint8Array(16).map((_, i) => i * 7 + 1);
const path = { address: "192.0.2.1", port: 4_000, local: "" };
const size = 200_000;
const stepUs = 1_000;

interface Transfer {
  readonly sender: Sender;
  readonly receiver: Receiver;
  nowUs: number;
}

/** A transfer of which nothing has been requested yet; nothing at or beyond `horizon` will be. */
function transferUpTo(horizon: number): Transfer {
  const sender = new Sender({
    keyedHash: (message) => createHmac("sha256", "secret").update(message).digest(),
  });
  sender.open(token, size, {
    read: (_offset, _into, _at, length) => length,
    takeSealedBytes: () => 0,
  });
  const receiver = new Receiver({ token, sink() {} });
  receiver.setHorizon(horizon, 0);
  return { sender, receiver, nowUs: 0 };
}

/** Lets a millisecond pass, in which all datagrams arrive unless `isLost`. */
function step(transfer: Transfer, isLost = false): void {
  const { sender, receiver } = transfer;
  const nowUs = (transfer.nowUs += stepUs);
  const request = new Uint8Array(limit.maxRequestBytes);
  const answer = new Uint8Array(65_536);
  const toSender = (length: number): void => {
    if (length === 0 || isLost) return;
    const answered = sender.handleDatagrams(request.slice(0, length), path, answer, nowUs);
    receiver.handleDatagrams(answer.slice(0, answered), nowUs);
  };
  if (nowUs >= receiver.nextTimeoutUs()) receiver.handleTimeout(nowUs);
  if (receiver.cookie !== undefined) toSender(receiver.pollFirstRequest(request, nowUs));
  for (let i = 0; i < 100; i++) {
    const length = receiver.pollTransmit(request, nowUs);
    if (length === 0) break;
    toSender(length);
  }
  for (;;) {
    const burst = sender.pollTransmit(answer, nowUs);
    if (burst === undefined) break;
    receiver.handleDatagrams(answer.slice(0, burst.bytes), nowUs);
  }
}

function stepUntil(transfer: Transfer, isOver: () => boolean, isLost = false): void {
  for (let steps = 0; !isOver() && steps < 100_000; steps++) step(transfer, isLost);
}

const stalledUs = 2 * udp.stallTimeoutUs;

test("whoever waits for the reader of what has arrived does not count as stalled", () => {
  const transfer = transferUpTo(120_000);
  const { receiver } = transfer;
  step(transfer);
  receiver.handleOffer(size, 1_444, transfer.nowUs);
  stepUntil(transfer, () => receiver.receivedBytes === 120_000);
  expect(receiver.isHeldBack).toBe(true);
  transfer.nowUs += stalledUs;
  step(transfer);
  expect(receiver.state).toBe("running");
  expect(receiver.nextTimeoutUs()).toBe(Infinity);
  receiver.setHorizon(size, transfer.nowUs);
  expect(receiver.isHeldBack).toBe(false);
  stepUntil(transfer, () => receiver.state !== "running");
  expect(receiver.state).toBe("done");
});

test("once there is something to request again, silence counts from then on", () => {
  const transfer = transferUpTo(120_000);
  const { receiver } = transfer;
  step(transfer);
  receiver.handleOffer(size, 1_444, transfer.nowUs);
  stepUntil(transfer, () => receiver.receivedBytes === 120_000);
  transfer.nowUs += stalledUs;
  receiver.setHorizon(size, transfer.nowUs);
  const fromUs = transfer.nowUs;
  stepUntil(transfer, () => receiver.state !== "running", true);
  expect(receiver.state).toBe("stalled");
  expect(transfer.nowUs - fromUs).toBeGreaterThanOrEqual(udp.stallTimeoutUs);
});
