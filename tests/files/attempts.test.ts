// What an attempt owes the server, however it ends.

import { expect, test } from "bun:test";
import type { Attempt, AttemptOptions } from "../../src/files/attempt.ts";
import { ControlAttempt } from "../../src/files/control-attempt.ts";
import { ControlClient } from "../../src/files/control-client.ts";
import { DownloadAttempt } from "../../src/files/download-attempt.ts";
import type { LoopSocket } from "../../src/files/receiver-loop.ts";
import { noOffload } from "../../src/io/udp/udp.ts";
import { Assembler } from "../../src/transfer/assembler.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import { until } from "../until.ts";
import { anyAttempt } from "./any-attempt.ts";

const noSocket: LoopSocket = {
  offload: noOffload,
  hasBatches: false,
  send: (_, length) => length,
  readAlone() {},
  readMore: () => 0,
  mute: () => false,
  unmute() {},
  nap() {},
  close() {},
};

/**
 * Offers transfer 7 to whoever requests a file; `sent`: the types of what it hears. Its only chunk
 * never fits its tag.
 */
function offering(): { control: ControlClient; sent: [type: string, transfer?: number][] } {
  const sent: [string, number?][] = [];
  const offer = {
    type: "offer",
    transfer: 7,
    name: "file",
    size: 10,
    modified: 0,
    version: "v1",
    chunkBytes: 65_536,
    udpPort: 1,
    maxSegmentBytes: 1_200,
  } as const;
  const send = (line: string): void => {
    const { type, transfer, ref } = JSON.parse(line);
    sent.push(transfer === undefined ? [type] : [type, transfer]);
    if (type === "pull") {
      const tags = { type: "tags", transfer, from: 0, data: base64(16) } as const;
      const data = { type: "data", transfer, offset: 0, data: base64(10) } as const;
      for (const one of [tags, data]) control.receive(encodeServer(one).trimEnd());
    }
    if (type !== "fetch") return;
    queueMicrotask(() => control.receive(encodeServer({ ...offer, ref }).trimEnd()));
  };
  const link = { isSecured: false, exportedKey: () => undefined, send, waitingBytes: 0, end() {} };
  const control = ControlClient.over(link, "here");
  return { control, sent };
}

const base64 = (bytes: number): string => Buffer.alloc(bytes, 1).toString("base64");

const overUdp = (udpPort: number): Promise<Attempt> =>
  DownloadAttempt.open({ ...anyAttempt, udpPort, open: async () => noSocket, loopback: true });

test.each([
  ["of another version, over TCP", async () => new ControlAttempt(anyAttempt), "stale"],
  ["of another version, over UDP", () => overUdp(1), "stale"],
  ["on another port", () => overUdp(2), "elsewhere"],
] as const)("an offer %s is given back", async (_, open, how) => {
  const { control, sent } = offering();
  const attempt = await open();
  expect((await attempt.run(control)).how).toBe(how);
  // Once, however often it is closed.
  attempt.close();
  expect(sent).toEqual([["fetch"], ["fetched", 7]]);
  control.close();
});

test.each([
  ["over TCP", async (options: AttemptOptions) => new ControlAttempt(options)],
  [
    "over UDP",
    (options: AttemptOptions) =>
      DownloadAttempt.open({ ...options, udpPort: 1, open: async () => noSocket, loopback: true }),
  ],
] as const)("another end that violates the protocol is not tried again (%s)", async (_, open) => {
  const { control } = offering();
  const store = { write: () => false, read: () => 0 };
  const assembler = new Assembler({ size: 10, chunkBytes: 65_536, store, hashOf: () => "" });
  const attempt = await open({
    ...anyAttempt,
    onOffer() {
      control.receive('{"type":"tags"}');
      return assembler;
    },
  });
  await expect(attempt.run(control)).rejects.toMatchObject({ code: "protocol" });
});

test.each([
  ["over TCP", async () => new ControlAttempt(anyAttempt)],
  ["over UDP", () => overUdp(1)],
] as const)("a connection does not keep attempts that are over (%s)", async (_, open) => {
  const { control } = offering();
  const attempts: WeakRef<Attempt>[] = [];
  const make = async (): Promise<void> => {
    const attempt = await open();
    attempts.push(new WeakRef(attempt));
    await attempt.run(control);
  };
  for (let i = 0; i < 10; i++) await make();
  // The newest one may stay, and a conservative collector may miss a few.
  await until(() => {
    Bun.gc(true);
    return attempts.filter((attempt) => attempt.deref() !== undefined).length < 5;
  });
  control.close();
});

test("if datagrams are answered, and none with data gets through, TCP carries the file", async () => {
  const { control } = offering();
  const store = { write: () => false, read: () => 0 };
  const assembler = new Assembler({ size: 10, chunkBytes: 65_536, store, hashOf: () => "" });
  const options = { ...anyAttempt, onOffer: () => assembler, udpPort: 1, loopback: false };
  const attempt = await DownloadAttempt.open({ ...options, open: async () => noSocket });
  // As a long time later.
  attempt.receiver.state = "stalled";
  expect(await attempt.run(control)).toMatchObject({ how: "blocked" });
  control.close();
});

test("a sender that seals wrongly is found out over the control connection, too", async () => {
  const { control } = offering();
  const store = { write: () => false, read: () => 0 };
  const assembler = new Assembler({ size: 10, chunkBytes: 65_536, store, hashOf: () => "" });
  const attempt = new ControlAttempt({ ...anyAttempt, onOffer: () => assembler });
  await expect(attempt.run(control)).rejects.toMatchObject({ code: "integrity" });
  expect(assembler.verifiedBytes).toBe(0);
  control.close();
});
