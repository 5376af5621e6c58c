// Calls over several connections at once: whatever becomes of each of them, the call has an end.

import { afterEach, expect, test } from "bun:test";
import { CallAttempts } from "../../src/io/call-attempts.ts";
import { Deadline } from "../../src/io/dial.ts";
import { callPeer, type CallerEnd } from "../../src/io/peer-caller.ts";
import { type CallWire, type RelayedCall, RelayedLink } from "../../src/io/relayed-link.ts";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { FakeCall } from "./fake-call.ts";

let closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const key = await createKeyPair(Date.now());
const silent = { data() {}, ended() {} };

/** A relayed call to somebody who completes the handshake. */
function answeredCall(): RelayedCall {
  const [caller, called] = FakeCall.pair();
  const link = new RelayedLink(called, key, () => silent);
  closing.push(() => link.cut());
  return caller;
}

/** The port of a TLS server that says nothing. */
function silentServer(): number {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key: key.key, cert: key.cert },
    socket: { data() {} },
  });
  closing.push(() => listener.stop(true));
  return listener.port;
}

/** As peer-security.ts does: whoever is reached directly says nothing, the peer itself refuses. */
function secure(link: CallWire, { attempts, onFailed }: CallerEnd) {
  attempts.add(link);
  if (link.call !== undefined) queueMicrotask(() => onFailed("it refuses", true));
  return silent;
}

test("a peer that refuses a call through the server ends it, whoever else has been reached directly", async () => {
  const contact = { id: "Bob", ip: "127.0.0.1", port: silentServer() };
  const deadline = new Deadline(60_000);
  closing.push(() => deadline.cancel());
  const plan = { how: "secured", key: "k", state: "known" } as const;
  const failure = await callPeer(
    { contact, plan, deadline, addresses: [contact.ip] },
    new CallAttempts(),
    {
      calls: { onCall() {}, take() {}, call: async () => answeredCall() },
      isOurs: async () => true,
      secure,
      opened() {},
    },
  );
  expect(failure).toEqual({ why: "it refuses", isUntrusted: true });
});
