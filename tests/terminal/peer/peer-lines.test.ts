// What `parley peer` says where the original program says nothing.

import { expect, test } from "bun:test";
import type { PeerEvent } from "../../../src/cpp/peer-event.ts";
import { peerStatus } from "../../../src/terminal/peer/peer-lines.ts";

const bob = { id: "Bob", ip: "192.0.2.2", port: 5_001 };

test.each<[PeerEvent, string | undefined]>([
  [{ event: "waiting", id: "Alice", registered: true }, undefined],
  [{ event: "waiting", id: "Alice", registered: false }, "Nobody can find you until you /register"],
  [
    { event: "waiting", id: "Alice", registered: false, wanted: "Zoe" },
    "Nobody called Zoe can be reached at the moment. Nobody can find you until you /register",
  ],
  [
    { event: "chat", by: "us", peer: bob, secured: "known", path: "relayed" },
    "Protected by TLS, and Bob has shown the key that you know. The call goes through the server, which can't read it",
  ],
  [
    { event: "chat", by: "us", peer: bob, secured: "known", path: "direct" },
    "Protected by TLS, and Bob has shown the key that you know",
  ],
  [
    { event: "path", path: "direct", via: "lan" },
    "The call now goes directly, over the local network",
  ],
  [{ event: "path", path: "relayed" }, "The call goes through the server again"],
])("%o", (event, status) => {
  expect(peerStatus(event, undefined)).toBe(status);
});
