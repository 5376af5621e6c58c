// Files from person to person over datagrams, with a malicious relay (which changes, repeats,
// reorders, replays, invents and withholds datagrams): it can delay, but nothing else.

import { expect, setDefaultTimeout, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Exchange } from "../../../src/handover/exchange.ts";
import type { IncomingOfferEvent, SendEvent } from "../../../src/handover/handover-events.ts";
import { IncomingOffer } from "../../../src/handover/incoming-offer.ts";
import { OfferedFolder } from "../../../src/handover/offered-folder.ts";
import { OutgoingOffer } from "../../../src/handover/outgoing-offer.ts";
import { channelSealer } from "../../../src/tls/channel-sealer.ts";
import { DeviceKeys } from "../../../src/tls/device-keys.ts";
import { readJoin, writeJoined } from "../../../src/transfer/paths/path-wire.ts";
import { kind, kindAt } from "../../../src/transfer/wire.ts";

import { fileOf, seeded } from "../../sim/random.ts";
import { testFolder } from "../../test-folder.ts";

setDefaultTimeout(180_000);

const base = testFolder("relayed");

/** The relay's replacement for a datagram; `back` sends something to its source. */
type Meddler = (bytes: Uint8Array, back: (bytes: Uint8Array) => void) => readonly Uint8Array[];

/** A relay that accepts any client, and forwards datagrams as changed by `meddle`. */
async function openRelay(meddle: Meddler) {
  const places = new Map<string, number>();
  const answer = new Uint8Array(100);
  const seen: Uint8Array[] = [];
  const send = (bytes: Uint8Array, port: number): void => {
    try {
      socket.send(bytes, port, "127.0.0.1");
    } catch {
      // An end that has closed its socket: the kernel reports this at the next datagram, whoever
      // its receiver is, or as an error of the socket.
    }
  };
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    binaryType: "uint8array",
    socket: {
      data(_, bytes, port) {
        const join = kindAt(bytes, 0) === kind.join ? readJoin(bytes, 0, bytes.length) : undefined;
        if (join !== undefined) {
          places.set(String(join.token[0]), port);
          const { token, timeUs: echoUs } = join;
          const length = writeJoined(answer, { token, echoUs, isWhole: places.size === 2 });
          return send(answer.subarray(0, length), port);
        }
        const isFromSender = places.get("1") === port;
        const to = places.get(isFromSender ? "2" : "1");
        seen.push(bytes);
        if (to === undefined) return;
        for (const one of meddle(bytes, (reply) => send(reply, port))) {
          send(one, to);
        }
      },
      error() {},
    },
  });
  return { port: socket.port, seen, [Symbol.dispose]: () => socket.close() };
}

function device() {
  const { x = "", d = "" } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return { key: x, sealer: channelSealer(new DeviceKeys(Buffer.from(d, "base64url"))) };
}

const token = (fill: number): string => Buffer.alloc(16, fill).toString("base64url");

function last<Event extends { event: string }>(events: readonly Event[], name: string) {
  return events.findLast(({ event }) => event === name);
}

type Setting = { meddle?: Meddler; bytes?: number; direct?: boolean; isSealed?: boolean };

/** Transfers a file; returns both ends' events, and whether the file is the same. */
async function handOver({ meddle, bytes = 3_000_000, direct = false, isSealed = true }: Setting) {
  const folder = mkdtempSync(join(base, "of-"));
  const path = join(folder, "big.bin");
  writeFileSync(path, fileOf(bytes, 7));
  // Long ago, so that the time alone shows that it is unchanged.
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  using relay = await openRelay(meddle ?? ((one) => [one]));
  const [ann, bob] = [device(), device()];
  const sent: SendEvent[] = [];
  const got: IncomingOfferEvent[] = [];
  let channel = 0;
  const common = (other: () => { handleOffer(event: never): void }) => ({
    applyOutputs() {},
    onDrained: () => () => {},
    datagrams: { server: () => "127.0.0.1", isDirectAllowed: direct, checkAlive() {} },
    port: (offer: string, number: number) => ({
      pass(data: string) {
        const event = { type: "passed", offer, channel: number, data };
        setImmediate(() => other().handleOffer(event as never));
      },
      waitingBytes: () => 0,
    }),
  });
  const session = { name: "Ann", online: true, pass() {} };
  const exchange: Exchange = {
    ...common(() => incoming),
    sealer: ann.sealer,
    mail: {
      sealOffer: async (_: string, content: Uint8Array) =>
        isSealed
          ? ({
              how: "sealed",
              sealed: { key: ann.key, boxes: [{ key: bob.key, box: text(content) }] },
            } as never)
          : ({ how: "plain" } as never),
      openOffer: async () => "unused",
    },
    session: {
      ...session,
      request: () => 1,
      endOffer: (offer: string, reason: string) =>
        void setImmediate(() =>
          incoming.handleOffer({ type: "offer-ended", offer, reason } as never),
        ),
    } as never,
  };
  const openChannel = (): void => {
    const number = ++channel;
    const event = { type: "channel", offer: outgoing.id, channel: number, with: "x" } as const;
    outgoing.handleOffer({ ...event, key: bob.key, relay: { token: token(1), port: relay.port } });
    incoming.handleOffer({ ...event, key: ann.key, relay: { token: token(2), port: relay.port } });
  };
  const id = Buffer.alloc(16, 9).toString("base64url");
  const offered = await OfferedFolder.of([path]);
  const outgoing = new OutgoingOffer({
    id,
    to: "Bob",
    folder: offered,
    exchange,
    onEvent: (event) => sent.push(event),
  });
  const incoming = new IncomingOffer({
    offer: id,
    id: 1,
    from: "Ann",
    exchange: {
      ...common(() => outgoing),
      sealer: bob.sealer,
      mail: {
        sealOffer: exchange.mail!.sealOffer,
        openOffer: async (_: string, { boxes }: { boxes: readonly { box: string }[] }) =>
          ({ content: Buffer.from(boxes[0]!.box, "base64"), state: "verified" }) as never,
      },
      session: { ...session, request: () => (openChannel(), 1), endOffer() {} } as never,
    },
    onEvent: (event) => got.push(event),
    onFetch() {},
  });
  await outgoing.offer();
  const summary = { files: 1, bytes, names: ["big.bin"] };
  const box = text(Buffer.from(JSON.stringify({ offer: id, ...summary })));
  const sealed = { key: ann.key, boxes: [{ key: bob.key, box }] };
  await incoming.open(isSealed ? { sealed } : { summary });
  const into = join(folder, "in");
  await Promise.all([incoming.accept(into), outgoing.over]);
  const isSame = readFileSync(join(into, "big.bin")).equals(readFileSync(path));
  return { isSame, sent: last(sent, "sent"), received: last(got, "received"), relay };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

for (const isSealed of [true, false]) {
  test(`a file is relayed, ${isSealed ? "sealed" : "open"}`, async () => {
    const { isSame, sent, received } = await handOver({ isSealed });
    expect(isSame).toBe(true);
    expect(sent).toMatchObject({ path: "relayed", sealed: isSealed });
    expect(received).toMatchObject({ path: "relayed" });
  });
}

test("between two programs on one machine a file is sent directly, and the relay sees little of it", async () => {
  const { isSame, sent, received, relay } = await handOver({ direct: true, bytes: 20_000_000 });
  expect(isSame).toBe(true);
  expect(sent).toMatchObject({ path: "direct", via: "loopback" });
  expect(received).toMatchObject({ path: "direct", via: "loopback" });
  const relayed = relay.seen.reduce((sum, { length }) => sum + length, 0);
  expect(relayed).toBeLessThan(10_000_000);
});

test("the relay sees no content of a sealed file", async () => {
  const bytes = 300_000;
  const { relay, isSame } = await handOver({ bytes });
  expect(isSame).toBe(true);
  const file = Buffer.from(fileOf(bytes, 7));
  const all = Buffer.concat(relay.seen).toString("latin1");
  expect(all.length).toBeGreaterThan(bytes);
  for (let at = 0; at < bytes; at += 10_000) {
    expect(all).not.toContain(file.subarray(at, at + 12).toString("latin1"));
  }
});

const meddling: Record<string, () => Meddler> = {
  "changes a byte of one in ten": () => {
    const random = seeded(1);
    return (bytes) => {
      if (random() < 0.1) bytes[Math.floor(random() * bytes.length)]! ^= 1 + random() * 255;
      return [bytes];
    };
  },
  "repeats everything": () => (bytes) => [bytes, bytes, bytes],
  reorders: () => {
    let held: Uint8Array | undefined;
    return (bytes) => {
      const out = held === undefined ? [] : [bytes, held];
      held = held === undefined ? bytes : undefined;
      return out;
    };
  },
  "replays what is old": () => {
    const old: Uint8Array[] = [];
    const random = seeded(2);
    return (bytes) => {
      if (old.length < 500) old.push(bytes.slice());
      return [bytes, old[Math.floor(random() * old.length)]!];
    };
  },
  "makes things up": () => {
    const random = seeded(3);
    return (bytes) => {
      const made = bytes.slice();
      for (let i = 4; i < made.length; i += 1 + Math.floor(random() * 9)) made[i] = random() * 256;
      const noise = Uint8Array.from({ length: 40 }, () => random() * 256);
      return [made, bytes, noise];
    };
  },
  "sends everything back as well": () => (bytes, back) => {
    back(bytes);
    return [bytes];
  },
};
for (const [what, meddle] of Object.entries(meddling)) {
  test(`a relay that ${what} can't change the file`, async () => {
    const { isSame, sent } = await handOver({ meddle: meddle(), bytes: 1_500_000 });
    expect(isSame).toBe(true);
    expect(sent).toBeDefined();
  });
}

test("a relay that withholds everything is abandoned, and the server's connections carry the file", async () => {
  let passed = 0;
  const meddle: Meddler = (bytes) => ((passed += bytes.length) < 400_000 ? [bytes] : []);
  const { isSame, sent, received } = await handOver({ meddle });
  expect(isSame).toBe(true);
  expect(sent).toMatchObject({ path: "server" });
  expect(received).toMatchObject({ path: "server" });
});

test("a relay that only forwards probes is abandoned, too", async () => {
  const { isSame, received } = await handOver({
    meddle: (bytes) => (kindAt(bytes, 0) === kind.probe ? [bytes] : []),
  });
  expect(isSame).toBe(true);
  expect(received).toMatchObject({ path: "server" });
});
