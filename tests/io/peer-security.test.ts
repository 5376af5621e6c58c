// Who may call while the registry is slow to say whose keys are whose.

import { afterEach, expect, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { join } from "node:path";
import type { ClientIdentity } from "../../src/client/events.ts";
import type { Peer } from "../../src/cpp/peer.ts";
import { type PeerHost, PeerSecurity } from "../../src/io/peer-security.ts";
import type { RegistryClient } from "../../src/io/registry-client.ts";
import { type RelayedCalls, RelayedLink } from "../../src/io/relayed-link.ts";
import { SecuredLink } from "../../src/io/secured-link.ts";
import type { TcpLinkEvents } from "../../src/io/tcp-link.ts";
import { peer as limits } from "../../src/limits.ts";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { KnownKeysFile } from "../../src/tls/known-keys-file.ts";
import { PeerTrust } from "../../src/tls/peer-trust.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";
import { FakeCall } from "./fake-call.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const key = await createKeyPair(Date.now());
const base = testFolder("peer-security");

function device(): ClientIdentity {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = privateKey.export({ format: "jwk" });
  const signed = (text: string) => sign(null, Buffer.from(text), privateKey).toString("base64url");
  return { key: x, sign: signed };
}

/** Ann's program, whose registry never answers: who is in, and how often it was asked. */
class Called {
  readonly trust: PeerTrust;
  readonly isIn = new Set<string>();
  readonly asked: string[] = [];
  readonly #calls: RelayedCalls = { onCall() {}, take() {}, call: () => Promise.reject() };

  constructor() {
    const path = join(base, "known");
    this.trust = new PeerTrust(new KnownKeysFile(path, "registry"), path);
    const client = {
      server: { host: "127.0.0.1", port: 1 },
      usesSession: true,
      ask: (message: string) => {
        this.asked.push(message);
        return new Promise(() => {});
      },
    } as unknown as RegistryClient;
    const { trust } = this;
    const nothing = { say() {}, onOffer() {}, onDrained() {}, onBack() {}, onClosed() {} };
    const who = { identity: device(), id: "Ann", duplex: false, isDirectAllowed: false };
    void new PeerSecurity(
      { trust, key, calls: this.#calls, ...who, ...nothing },
      client,
      this.#host(),
    );
  }

  #host(): PeerHost {
    let connections = 0;
    const peer = {
      handleAccepted: () => ++connections,
      handleSecured: (_: number, { id }: { id: string }) => this.isIn.add(id),
      handleEnd() {},
    } as unknown as Peer;
    const nothing = { applyOutputs() {}, use() {}, watch() {} };
    return { peer: () => peer, port: () => 1, ...nothing };
  }

  /** Somebody calls: `ended` says whether they were refused. */
  call(id: string, identity = device()): { ended: boolean } {
    const [caller, called] = FakeCall.pair();
    const state = { ended: false };
    const link: RelayedLink = new RelayedLink(caller, undefined, () =>
      callerEnd(link, id, identity, () => (state.ended = true)),
    );
    closing.push(() => link.cut());
    this.#calls.onCall(called);
    return state;
  }
}

const trusting = () => Promise.resolve(undefined);

function callerEnd(
  link: RelayedLink,
  id: string,
  identity: ClientIdentity,
  onEnd: () => void,
): TcpLinkEvents {
  const nothing = { onOpen() {}, onAnnounced() {}, onData() {}, onOffer() {}, onPath() {}, onEnd };
  const who = { role: "caller", link, identity, id, port: 1, duplex: false } as const;
  const secured = new SecuredLink({ ...who, isDirectAllowed: false, judge: trusting, ...nothing });
  closing.push(() => secured.cut());
  return { data: (bytes) => secured.receive(bytes), ended: () => secured.handleEnded() };
}

test("strangers whose keys are being looked up keep out other strangers, but nobody known", async () => {
  const ann = new Called();
  const bob = device();
  ann.trust.remember("Bob", bob.key);
  for (let n = 0; n < limits.maxLookups; n++) ann.call(`Stranger${n}`);
  await until(() => ann.asked.length === limits.maxLookups);
  const late = ann.call("Late");
  await until(() => late.ended);
  const known = ann.call("Bob", bob);
  await until(() => known.ended || ann.isIn.size > 0);
  expect([...ann.isIn]).toEqual(["Bob"]);
  expect(ann.asked.length).toBe(limits.maxLookups);
});
