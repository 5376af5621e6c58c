// Calls between two parleys in the state machine: no turns, announced immediately, under the proved
// name; and calls in a known name without its key.

import { expect, test } from "bun:test";
import { type Contact, encodeChat } from "../../src/cpp/codec.ts";
import { Peer } from "../../src/cpp/peer.ts";
import type { KeyState, Secured } from "../../src/cpp/peer-event.ts";
import type { PeerOutput } from "../../src/cpp/peer-output.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const self = { id: "Alice", ip: "127.0.0.1", port: 5_000 };
const bob = { id: "Bob", ip: "192.0.2.2", port: 5_001 };

function outputs(peer: Peer): PeerOutput[] {
  const all: PeerOutput[] = [];
  for (let next = peer.pollOutput(); next; next = peer.pollOutput()) all.push(next);
  return all;
}

const lines = (peer: Peer): string[] =>
  outputs(peer).flatMap((output) =>
    output.type === "show" && output.line !== undefined ? [output.line] : [],
  );

const secured = (state: KeyState = "known", isDuplex = true, id = "Bob"): Secured => ({
  id,
  port: bob.port,
  state,
  isDuplex,
  path: "direct",
});

/** A caller that has proved to be Bob. */
function called(how = secured()) {
  const peer = new Peer(self, {});
  outputs(peer);
  const connection = peer.handleAccepted(bob.ip) ?? 0;
  peer.handleSecured(connection, how);
  return { peer, connection };
}

test("a protected call has no turns, starting with its announcement", () => {
  const { peer, connection } = called();
  peer.handleAnnounced(connection, 0);
  expect(peer.chatConnection).toBe(connection);
  const shown = outputs(peer);
  expect(shown).toMatchObject([
    {
      type: "show",
      line: "Incoming chat request from Bob 192.0.2.2:5001",
      event: { event: "chat", peer: bob, by: "peer", secured: "known", path: "direct" },
    },
    { type: "show", line: "IN DUPLEX MODE" },
  ]);
  peer.handleTyped("first", 0);
  peer.handleTyped("second", 0);
  const sent = outputs(peer).filter(({ type }) => type === "send");
  expect(sent).toEqual([
    { type: "send", connection, text: encodeChat(self, "first") },
    { type: "send", connection, text: encodeChat(self, "second") },
  ]);
  peer.handleData(connection, bytes(encodeChat(bob, "Hello")), 0);
  expect(lines(peer)).toEqual(["Bob> Hello"]);
});

test("with --turns on one side there are turns", () => {
  const { peer, connection } = called(secured("known", false));
  peer.handleAnnounced(connection, 0);
  expect(lines(peer)).toEqual(["Incoming chat request from Bob 192.0.2.2:5001"]);
  peer.handleTyped("early", 0);
  expect(outputs(peer)).toEqual([]);
  peer.handleData(connection, bytes(encodeChat(bob, "Hello")), 0);
  expect(lines(peer)).toEqual(["Bob> Hello", "IN WRITE MODE", "IN READ MODE"]);
});

test("the caller announces the call at /chat, before anything is typed", () => {
  const peer = new Peer(self, {});
  peer.handleTyped("/bridge", 0);
  outputs(peer);
  peer.handleAnswer({ message: { type: "BRIDGEACK", contact: bob, key: "k" } }, 0);
  const connect = outputs(peer).find(({ type }) => type === "connect");
  expect(connect).toMatchObject({ contact: bob, key: "k" });
  const connection = connect?.type === "connect" ? connect.connection : 0;
  peer.handleConnected(connection, bob.ip, 0, secured("new"));
  peer.handleTyped("/chat", 0);
  const all = outputs(peer);
  expect(all.at(-1)).toEqual({ type: "announce", connection });
  expect(all).toContainEqual({
    type: "show",
    line: "IN CHAT MODE",
    event: { event: "chat", peer: bob, by: "us", secured: "new", path: "direct" },
  });
});

test("two peers that call each other at the same time have one chat, also through the server", () => {
  const peer = new Peer(self, {});
  const server = "198.51.100.1";
  peer.handleTyped("/bridge", 0);
  peer.handleAnswer({ message: { type: "BRIDGEACK", contact: bob, key: "k" } }, 0);
  const connect = outputs(peer).find(({ type }) => type === "connect");
  const connection = connect?.type === "connect" ? connect.connection : 0;
  const relayed: Secured = { ...secured(), port: 55_000, path: "relayed" };
  peer.handleConnected(connection, server, 0, relayed);
  peer.handleTyped("/chat", 0);
  const other = peer.handleAccepted(server) ?? 0;
  peer.handleSecured(other, relayed);
  peer.handleAnnounced(other, 0);
  expect(JSON.stringify(outputs(peer))).not.toContain("turned-down");
  peer.handleData(other, bytes(encodeChat(bob, "Hello")), 0);
  expect(lines(peer)).toEqual(["Bob> Hello"]);
  // Somebody else is rejected as ever.
  const third = peer.handleAccepted(server) ?? 0;
  peer.handleSecured(third, { ...relayed, id: "Cal" });
  peer.handleAnnounced(third, 0);
  expect(JSON.stringify(outputs(peer))).toContain("turned-down");
});

/** A peer that calls another one, and is called by it before either has heard the other. */
function crossing(self: Contact, other: Contact) {
  const peer = new Peer(self, {});
  const how = secured("known", true, other.id);
  peer.handleTyped("/bridge", 0);
  peer.handleAnswer({ message: { type: "BRIDGEACK", contact: other, key: "k" } }, 0);
  const connect = outputs(peer).find(({ type }) => type === "connect");
  const own = connect?.type === "connect" ? connect.connection : 0;
  peer.handleConnected(own, other.ip, 0, how);
  const theirs = peer.handleAccepted(other.ip) ?? 0;
  peer.handleSecured(theirs, how);
  peer.handleTyped("/chat", 0);
  peer.handleAnnounced(theirs, 0);
  return { peer, own, theirs };
}

test("two peers that call each other at the same time use the same connection for files", () => {
  const alice = crossing(self, bob);
  const ben = crossing(bob, self);
  const isAlices = alice.peer.chatConnection === alice.own;
  expect(ben.peer.chatConnection).toBe(isAlices ? ben.theirs : ben.own);
  // Whichever is left.
  alice.peer.handleEnd(alice.theirs, 0);
  expect(alice.peer.chatConnection).toBe(alice.own);
});

test("a peer that has proved to be Bob can't speak as Cal", () => {
  const { peer, connection } = called();
  peer.handleData(connection, bytes(encodeChat({ ...bob, id: "Cal" }, "Hello")), 0);
  const all = outputs(peer);
  expect(all).toEqual([{ type: "close", connection }]);
  expect(peer.chatConnection).toBeUndefined();
});

const isKeyKnown = (id: string): boolean => id.toLowerCase() === "bob";

test("a plain-text call in a name whose key is known is rejected; others are not", () => {
  const peer = new Peer(self, { isKeyKnown });
  outputs(peer);
  for (const id of ["Bob", "BOB"]) {
    const connection = peer.handleAccepted("192.0.2.66") ?? 0;
    peer.handleData(connection, bytes(encodeChat({ ...bob, id }, "it is me")), 0);
    const all = outputs(peer);
    expect(all).toMatchObject([
      { type: "show", event: { event: "failed", what: "connection" } },
      { type: "close", connection },
    ]);
    expect(JSON.stringify(all)).toContain("without the key that you know");
    expect(JSON.stringify(all)).not.toContain("it is me");
  }
  const connection = peer.handleAccepted("192.0.2.66") ?? 0;
  peer.handleData(connection, bytes(encodeChat({ ...bob, id: "Zoe" }, "Hello")), 0);
  expect(lines(peer)).toContain("Zoe> Hello");
});

test("an announcement without proof is ignored, and a second caller is rejected", () => {
  const peer = new Peer(self, {});
  outputs(peer);
  const stranger = peer.handleAccepted("192.0.2.66") ?? 0;
  peer.handleAnnounced(stranger, 0);
  expect(outputs(peer)).toEqual([]);
  const first = peer.handleAccepted(bob.ip) ?? 0;
  peer.handleSecured(first, secured());
  peer.handleAnnounced(first, 0);
  outputs(peer);
  const second = peer.handleAccepted("192.0.2.3") ?? 0;
  peer.handleSecured(second, secured("known", true, "Cal"));
  peer.handleAnnounced(second, 0);
  expect(outputs(peer)).toMatchObject([
    { type: "send", connection: second, text: encodeChat(self, "/quit") },
    { type: "close", connection: second },
    { type: "show", event: { event: "turned-down" } },
  ]);
  expect(peer.chatConnection).toBe(first);
});

test("a peer that has not proved its key is not called, and no other one is requested", () => {
  const peer = new Peer(self, {});
  peer.handleTyped("/bridge", 0);
  outputs(peer);
  peer.handleAnswer({ message: { type: "BRIDGEACK", contact: bob } }, 0);
  const connect = outputs(peer).find(({ type }) => type === "connect");
  const connection = connect?.type === "connect" ? connect.connection : 0;
  peer.handleConnectFailed(connection, "it has shown another key", 0, true);
  peer.handleInputEnd(0);
  const all = outputs(peer);
  expect(all.some(({ type }) => type === "request")).toBe(false);
  expect(all.at(-1)).toEqual({ type: "exit", reason: "untrusted" });
});
