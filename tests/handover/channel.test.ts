// Channels between two devices: each end receives the other's data in order, and any interference
// by a server (changed, dropped, repeated, reordered or reflected frames, or those of another
// channel) is detected and reveals nothing.

import { fullGC, heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { Channel, type ChannelPeer } from "../../src/handover/channel.ts";
import { decodeFrame, encodePart, encodePiece } from "../../src/handover/frames.ts";
import type { Piece } from "../../src/transfer/piece.ts";
import { channelInfo } from "../../src/handover/exchange.ts";
import { message } from "../../src/limits.ts";
import { channelSealer } from "../../src/tls/channel-sealer.ts";
import { codeSealer } from "../../src/tls/code-sealer.ts";
import { DeviceKeys } from "../../src/tls/device-keys.ts";

function device() {
  const { x = "", d = "" } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return { key: x, sealer: channelSealer(new DeviceKeys(Buffer.from(d, "base64url"))) };
}

const [ann, bob, eve] = [device(), device(), device()];

type End = { channel: Channel; lines: string[]; pieces: Piece[]; broken: string[]; sent: string[] };

function end(peer: ChannelPeer | undefined, isFirst: boolean): End {
  const sent: string[] = [];
  const [lines, pieces, broken]: [string[], Piece[], string[]] = [[], [], []];
  const port = { pass: (data: string) => void sent.push(data), waitingBytes: () => 0 };
  const channel = new Channel(port, peer, isFirst ? "recipient" : "sender", {
    line: (text) => lines.push(text),
    piece: (piece) => pieces.push({ ...piece, bytes: Uint8Array.from(piece.bytes) }),
    broken: ({ message: why }) => broken.push(why),
  });
  return { channel, lines, pieces, broken, sent };
}

const peerOf = (other: typeof ann, own: typeof ann, offer = "offer", number = 1): ChannelPeer => ({
  sealer: own.sealer,
  key: other.key,
  info: channelInfo(offer, number),
});

/** Delivers each end's output to the other, as changed by `change`, until neither sends more. */
async function carry(a: End, b: End, change = (frames: string[], _to: End): string[] => frames) {
  for (;;) {
    await settled(a, b);
    const [toB, toA] = [a.sent.splice(0), b.sent.splice(0)];
    if (toB.length + toA.length === 0) return;
    for (const data of change(toB, b)) b.channel.receive(data);
    for (const data of change(toA, a)) a.channel.receive(data);
  }
}

async function settled(...ends: readonly End[]): Promise<void> {
  // Received data may have produced more output.
  for (let i = 0; i < 3; i++) await Promise.all(ends.map(({ channel }) => channel.settled()));
}

const secret = new Uint8Array(32).fill(5);
const codePeer = (isGuest: boolean, by = secret, number = 1): ChannelPeer => ({
  sealer: codeSealer(by, isGuest ? "guest" : "host"),
  key: "",
  info: channelInfo("code 7", number),
});

/**
 * How a channel is sealed: the sender's peer and the recipient's, for the channel of that number.
 */
type Sealing = (number: number) => readonly [ChannelPeer, ChannelPeer];
const byKeys: Sealing = (number) => [
  peerOf(bob, ann, "offer", number),
  peerOf(ann, bob, "offer", number),
];
const byCode: Sealing = (number) => [
  codePeer(false, secret, number),
  codePeer(true, secret, number),
];

const sealings = [
  ["by the keys of devices", byKeys],
  ["by code", byCode],
] as const;

function sealedEnds(sealing: Sealing = byKeys, number = 1) {
  const [sender, recipient] = sealing(number);
  return [end(sender, false), end(recipient, true)] as const;
}

for (const [how, sealing] of [...sealings, ["open", undefined] as const]) {
  test(`lines and pieces arrive unchanged, ${how}`, async () => {
    const isSealed = sealing !== undefined;
    const open = [end(undefined, false), end(undefined, true)] as const;
    const [a, b] = isSealed ? sealedEnds(sealing) : open;
    const long = `long ${"ä🎈".repeat(20_000)}`;
    b.channel.sendLine("first");
    b.channel.sendLine(long);
    await carry(a, b);
    const bytes = new Uint8Array(40_000).fill(7);
    a.channel.sendLine("answer");
    a.channel.sendPiece({ transfer: 3, offset: 2 ** 41, bytes });
    a.channel.sendLine("");
    await carry(a, b);
    expect(a.lines).toEqual(["first", long]);
    expect(b.lines).toEqual(["answer", ""]);
    expect(b.pieces).toMatchObject([{ transfer: 3, offset: 2 ** 41 }]);
    expect(b.pieces[0]?.bytes).toEqual(bytes);
    expect([...a.broken, ...b.broken]).toEqual([]);
    expect(a.channel.exported).toEqual(b.channel.exported);
    expect(a.channel.exported?.length).toBe(isSealed ? 64 : undefined);
  });
}

test.each(sealings)("nothing of a line sealed %s is in the frames", async (_, sealing) => {
  const [a, b] = sealedEnds(sealing);
  b.channel.sendLine("a very secret name.pdf");
  const seen: string[] = [];
  await carry(a, b, (frames) => {
    seen.push(...frames);
    return frames;
  });
  const all = Buffer.concat(seen.map((data) => Buffer.from(data, "base64"))).toString("latin1");
  expect(a.lines).toEqual(["a very secret name.pdf"]);
  expect(all).not.toContain("secret");
});

const meddling: Record<string, (frames: string[]) => string[]> = {
  changed: (frames) =>
    frames.map((data) => {
      const bytes = Buffer.from(data, "base64");
      if (bytes[0] === 1) bytes[bytes.length - 1]! ^= 1;
      return bytes.toString("base64");
    }),
  dropped: (frames) => frames.filter((data) => Buffer.from(data, "base64").length !== 1 + 3 + 16),
  repeated: (frames) => frames.flatMap((data) => [data, data]),
  reordered: (frames) => (frames.length > 2 ? [frames[0]!, ...frames.slice(1).reverse()] : frames),
  "made up": (frames) => [...frames, Buffer.from("\u0001{}").toString("base64")],
  "no frames": (frames) => [...frames, "????", Buffer.of(9, 9).toString("base64")],
};
for (const [what, change] of Object.entries(meddling)) {
  test.each(sealings)(`frames that are ${what} end a channel sealed %s`, async (_, sealing) => {
    const [a, b] = sealedEnds(sealing);
    b.channel.sendLine("one");
    b.channel.sendLine("two two");
    b.channel.sendLine("three");
    await carry(a, b, (frames, to) => (to === a ? change(frames) : frames));
    expect(a.broken.length).toBe(1);
    // The received lines are a prefix of the sent ones.
    expect(["one", "two two", "three"].slice(0, a.lines.length)).toEqual(a.lines);
    expect(a.lines.length).toBeLessThan(what === "made up" || what === "no frames" ? 4 : 3);
  });
}

const repeating =
  "what one end has said sealed %s can't be reflected to it, nor repeated elsewhere";
test.each(sealings)(repeating, async (_, sealing) => {
  const [a, b] = sealedEnds(sealing);
  b.channel.sendLine("fetch");
  await settled(b);
  const recorded = [...b.sent];
  await carry(a, b);
  a.channel.sendLine("answer");
  await settled(a);
  const answers = [...a.sent];
  // Back to its own sender.
  for (const data of recorded) b.channel.receive(data);
  // In a later channel: the sender's frames are for the recipient's earlier key.
  const [, later] = sealedEnds(sealing);
  later.channel.sendLine("again");
  await settled(later);
  for (const data of answers) later.channel.receive(data);
  // The recipient's frames in a channel with another number.
  const [other] = sealedEnds(sealing, 2);
  for (const data of recorded) other.channel.receive(data);
  await settled(b, later, other);
  expect(b.broken.length).toBe(1);
  expect(later.lines).toEqual([]);
  expect(other.lines).toEqual([]);
  expect([later.broken.length, other.broken.length]).toEqual([1, 1]);
});

test.each(sealings)("nothing leaves unsealed before there is a key, %s", async (_, sealing) => {
  const [a] = sealedEnds(sealing);
  a.channel.sendLine("too early");
  await settled(a);
  expect(a.sent).toEqual([]);
  expect(a.broken.length).toBe(1);
});

test("a different key can neither open nor seal frames", async () => {
  const a = end(peerOf(bob, ann), false);
  const e = end(peerOf(ann, eve), true);
  e.channel.sendLine("fetch");
  await carry(a, e);
  expect(a.lines).toEqual([]);
  expect(a.broken.length).toBe(1);
});

test("a different secret of a code can neither open nor seal frames, nor can the same secret at the same end", async () => {
  for (const peer of [codePeer(true, new Uint8Array(32)), codePeer(false)]) {
    const [a, e] = [end(codePeer(false), false), end(peer, true)];
    e.channel.sendLine("fetch");
    await carry(a, e);
    expect(a.lines).toEqual([]);
    expect(a.broken.length).toBe(1);
  }
});

test("a line that is too long, and too many frames, end a channel", async () => {
  const a = end(undefined, false);
  const part = Buffer.concat([Buffer.of(2), Buffer.alloc(60_000)]).toString("base64");
  for (let bytes = 0; bytes <= message.maxLineBytes; bytes += 60_000) a.channel.receive(part);
  expect(a.broken.length).toBe(1);
  const [b] = sealedEnds();
  const frame = encodePiece({ transfer: 1, offset: 0, bytes: new Uint8Array(1) });
  for (let i = 0; i < 10_000; i++) b.channel.receive(frame);
  expect(b.broken.length).toBe(1);
});

/** Live arrays of bytes. */
function arrays(): number {
  fullGC();
  return heapStats().objectTypeCounts["Uint8Array"] ?? 0;
}

test("a line in parts of single bytes does not cost an object each", () => {
  const a = end(undefined, false);
  const part = Buffer.of(2, 97).toString("base64");
  const before = arrays();
  for (let i = 0; i < 50_000; i++) a.channel.receive(part);
  expect(arrays() - before).toBeLessThan(1_000);
  a.channel.receive(encodePart(Buffer.from("!"), true));
  expect(a.lines).toEqual([`${"a".repeat(50_000)}!`]);
});

test("arbitrary bytes are a frame or not; decoding never throws", () => {
  for (let length = 0; length < 40; length++) {
    for (let kind = 0; kind < 6; kind++) {
      const bytes = Buffer.alloc(length, kind);
      expect(() => decodeFrame(bytes.toString("base64"))).not.toThrow();
    }
  }
  expect(decodeFrame("")).toBeUndefined();
  expect(decodeFrame("not base64 at all!")).toBeUndefined();
});
