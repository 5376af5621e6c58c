// What an end that announces the addresses of others can make this one send there.

import { expect, setDefaultTimeout, test } from "bun:test";
import { decodePaths, encodePaths } from "../../../src/handover/paths/paths-line.ts";
import { PersonLink } from "../../../src/handover/paths/person-link.ts";
import { probeHashes } from "../../../src/handover/paths/probe-keys.ts";
import { paths as limits } from "../../../src/limits.ts";
import { secretBytes } from "../../../src/secrets.ts";
import { nonceBytes, probeBytes, writeProbe } from "../../../src/transfer/paths/path-wire.ts";
import { kind, kindAt } from "../../../src/transfer/wire.ts";
import { until } from "../../until.ts";

setDefaultTimeout(180_000);

test("one channel after another does not make an end flood the addresses that it is told", async () => {
  let received = 0;
  const open = () =>
    Bun.udpSocket({ hostname: "127.0.0.1", socket: { data: () => void received++, error() {} } });
  const victims = await Promise.all(Array.from({ length: limits.maxTold }, open));
  const addresses = victims.map(({ port }) => ({ address: "127.0.0.1", port }));
  const line = encodePaths({
    secret: secretBytes(limits.secretBytes),
    local: true,
    addresses,
    seen: undefined,
  });
  const startMs = performance.now();
  const links: PersonLink[] = [];
  const channels = 100;
  for (let i = 0; i < channels; i++) {
    const link = linkAt("127.0.0.1");
    links.push(link);
    await link.start();
    link.handleLine(line);
  }
  // The first ones arrive, and some of those that the rate allows later.
  await until(() => received >= limits.triesAtOnce + 10);
  for (const link of links) link.close();
  const seconds = (performance.now() - startMs) / 1_000;
  expect(channels * addresses.length).toBeGreaterThan(3 * limits.triesAtOnce);
  expect(received).toBeLessThanOrEqual(limits.triesAtOnce + seconds * limits.triesPerSecond + 1);
  for (const victim of victims) victim.close();
});

function linkAt(server: string): PersonLink {
  return new PersonLink({
    isRecipient: true,
    server,
    relay: undefined,
    isDirectAllowed: true,
    sendLine() {},
    exported: () => undefined,
    onSilence() {},
    onPath() {},
  });
}

function lineOf(port: number, local: boolean): string {
  const addresses = [{ address: "127.0.0.1", port }];
  return encodePaths({
    secret: secretBytes(limits.secretBytes),
    local,
    addresses,
    seen: undefined,
  });
}

test("loopback is only probed between two ends that have both reached the server over it", async () => {
  const received = { remote: 0, local: 0 };
  const open = (which: keyof typeof received) =>
    Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: { data: () => void received[which]++, error() {} },
    });
  const [remote, local] = [await open("remote"), await open("local")];
  const links = ["192.0.2.1", "127.0.0.1"].map(linkAt);
  for (const link of links) await link.start();
  links[0]!.handleLine(lineOf(remote.port, true));
  links[1]!.handleLine(lineOf(remote.port, false));
  links[1]!.handleLine(lineOf(local.port, true));
  await until(() => received.local >= 2);
  expect(received.remote).toBe(0);
  for (const link of links) link.close();
  remote.close();
  local.close();
});

test("an end without direct paths answers probes that come through the relay, and no others", async () => {
  const answered = { relay: 0, stranger: 0 };
  let join: { address: string; port: number } | undefined;
  const open = (which: keyof typeof answered) =>
    Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: {
        data(_, bytes, port, address) {
          if (kindAt(bytes, 0) === kind.join) join = { address, port };
          else answered[which]++;
        },
      },
    });
  const [relay, stranger] = [await open("relay"), await open("stranger")];
  const lines: string[] = [];
  const link = new PersonLink({
    isRecipient: true,
    server: "127.0.0.1",
    relay: { token: Buffer.alloc(16, 1).toString("base64url"), port: relay.port },
    isDirectAllowed: false,
    sendLine: (line) => void lines.push(line),
    exported: () => undefined,
    onSilence() {},
    onPath() {},
  });
  await link.start();
  const secret = secretBytes(limits.secretBytes);
  link.handleLine(encodePaths({ secret, local: true, addresses: [], seen: undefined }));
  await until(() => join !== undefined);
  const recipient = decodePaths(lines[0]!)!.secret;
  const { sender } = probeHashes({ exported: undefined, recipient, sender: secret });
  const probe = new Uint8Array(probeBytes);
  for (const [number, socket] of [stranger, relay].entries()) {
    writeProbe(
      probe,
      { number: number + 1, nonce: new Uint8Array(nonceBytes), isAnswer: false, isUsed: false },
      sender,
    );
    socket.send(probe, join!.port, "127.0.0.1");
    await until(() => number === 0 || answered.relay > 0);
  }
  expect(answered.stranger).toBe(0);
  link.close();
  relay.close();
  stranger.close();
});

test("a sender reveals its addresses only to a recipient that reveals some", async () => {
  const lines: string[] = [];
  const link = new PersonLink({
    isRecipient: false,
    server: "127.0.0.1",
    relay: undefined,
    isDirectAllowed: true,
    sendLine: (line) => void lines.push(line),
    exported: () => undefined,
    onSilence() {},
    onPath() {},
  });
  const secret = secretBytes(limits.secretBytes);
  const revealed = () => lines.flatMap((line) => decodePaths(line)!.addresses);
  const opening = link.start();
  link.handleLine(encodePaths({ secret, local: true, addresses: [], seen: undefined }));
  await opening;
  expect(lines.length).toBeGreaterThan(0);
  expect(revealed()).toEqual([]);
  link.handleLine(lineOf(4_000, true));
  expect(revealed()).toContainEqual({ address: "127.0.0.1", port: expect.any(Number) });
  link.close();
});

test("without a relay and direct paths an end says nothing: the other would wait for a path", async () => {
  const lines: string[] = [];
  const linkWith = (isDirectAllowed: boolean): PersonLink =>
    new PersonLink({
      isRecipient: false,
      server: "127.0.0.1",
      relay: undefined,
      isDirectAllowed,
      sendLine: (line) => void lines.push(line),
      exported: () => undefined,
      onSilence() {},
      onPath() {},
    });
  for (const isDirectAllowed of [false, true]) {
    const link = linkWith(isDirectAllowed);
    await link.start();
    link.close();
    expect(lines.length > 0).toBe(isDirectAllowed);
  }
});
