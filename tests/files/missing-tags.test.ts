// A sender that sends everything except tags does not hold an attempt forever, even if the attempt
// may not request the rest of the file meanwhile: that only a slow reader may do.

import { expect, test } from "bun:test";
import type { Attempt, AttemptOptions } from "../../src/files/attempt.ts";
import { ControlAttempt } from "../../src/files/control-attempt.ts";
import { ControlClient } from "../../src/files/control-client.ts";
import { DownloadAttempt } from "../../src/files/download-attempt.ts";
import type { SocketOpener } from "../../src/files/receiver-loop.ts";
import { nowUs } from "../../src/io/clock.ts";
import { noOffload } from "../../src/io/udp/udp.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import { Assembler } from "../../src/transfer/assembler.ts";
import { Sender } from "../../src/transfer/sender.ts";
import { until } from "../until.ts";
import { anyAttempt } from "./any-attempt.ts";

const chunkBytes = 65_536;
const size = 4 * chunkBytes;
const sealed = {
  read: (_offset: number, _into: Uint8Array, _at: number, length: number) => length,
  takeSealedBytes: () => 0,
};

const offer = {
  type: "offer",
  transfer: 7,
  name: "file",
  size,
  modified: 0,
  version: "v1",
  chunkBytes,
  udpPort: 1,
  maxSegmentBytes: 1_200,
} as const;

/** A sender of datagrams, and a connection to it, over which `pull` is answered too. */
class TaglessSender {
  readonly control: ControlClient;
  readonly #sender = new Sender({
    keyedHash: (message) => new Bun.CryptoHasher("sha256", "key").update(message).digest(),
  });

  constructor() {
    const send = (line: string): void => this.#handleLine(line);
    const link = {
      isSecured: false,
      exportedKey: () => undefined,
      send,
      waitingBytes: 0,
      end() {},
    };
    this.control = ControlClient.over(link, "here");
  }

  readonly open: SocketOpener = async ({ onDatagrams }) => ({
    offload: noOffload,
    hasBatches: false,
    send: (bytes, length) => {
      for (const answer of this.#answersTo(bytes)) setImmediate(() => onDatagrams(answer));
      return length;
    },
    readAlone() {},
    readMore: () => 0,
    mute: () => false,
    unmute() {},
    nap() {},
    close() {},
  });

  *#answersTo(request: Uint8Array): Generator<Uint8Array> {
    const bytes = new Uint8Array(chunkBytes);
    const path = { address: "127.0.0.1", port: 1, local: "" };
    const answered = this.#sender.handleDatagrams(request.slice(), path, bytes, nowUs());
    if (answered > 0) yield bytes.slice(0, answered);
    for (;;) {
      const burst = this.#sender.pollTransmit(bytes, nowUs());
      if (burst === undefined) return;
      yield bytes.slice(0, burst.bytes);
    }
  }

  #handleLine(line: string): void {
    const { type, ref, token, offset, length } = JSON.parse(line);
    if (type === "fetch") {
      this.#sender.open(Buffer.from(token, "base64url"), size, sealed);
      this.#say({ ...offer, ref });
    }
    if (type === "ping") this.#say({ type: "pong", ref });
    if (type !== "pull") return;
    this.#say({ type: "data", transfer: 7, offset, data: Buffer.alloc(length).toString("base64") });
  }

  #say(message: Parameters<typeof encodeServer>[0]): void {
    queueMicrotask(() => this.control.receive(encodeServer(message).trimEnd()));
  }
}

type Open = (options: AttemptOptions, sender: TaglessSender) => Promise<Attempt>;

const ways: [string, Open][] = [
  [
    "over UDP",
    (options, { open }) => DownloadAttempt.open({ ...options, udpPort: 1, open, loopback: true }),
  ],
  ["over TCP", async (options) => new ControlAttempt(options)],
];

for (const [way, open] of ways) {
  test(`without tags an attempt ends ${way}, also if it may not request the rest`, async () => {
    const sender = new TaglessSender();
    const store = { write: () => false, read: () => 0 };
    const assembler = new Assembler({ size, chunkBytes, store, hashOf: () => "" });
    const options = { ...anyAttempt, tagTimeoutMs: 50, onOffer: () => assembler };
    const attempt = await open(options, sender);
    attempt.setHorizon(size / 2);
    expect(await attempt.run(sender.control)).toMatchObject({ how: "retry" });
    expect(assembler.receivedBytes).toBe(size / 2);
    sender.control.close();
  });
}

test("datagrams that stop after some have come are tried again", async () => {
  const sender = new TaglessSender();
  const store = { write: () => false, read: () => 0 };
  const assembler = new Assembler({ size, chunkBytes, store, hashOf: () => "" });
  const { open } = sender;
  const options = { ...anyAttempt, onOffer: () => assembler, udpPort: 1, open, loopback: true };
  const attempt = await DownloadAttempt.open(options);
  attempt.setHorizon(size / 2);
  const ending = attempt.run(sender.control);
  await until(() => assembler.receivedBytes === size / 2);
  // As a long time later.
  attempt.receiver.state = "stalled";
  attempt.wake();
  expect(await ending).toMatchObject({ how: "retry" });
  sender.control.close();
});
