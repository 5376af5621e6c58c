// Keys of peers in the registry: revealed only on request, so that every other program receives
// exactly the same bytes as ever.

import { expect, test } from "bun:test";
import {
  encodeBridge,
  encodeBridgeAck,
  encodeRegack,
  encodeRegister,
  withHeader,
} from "../../src/cpp/codec.ts";
import { CppParser } from "../../src/cpp/parser.ts";
import { Registry } from "../../src/cpp/registry.ts";
import { RegistryConnection } from "../../src/cpp/registry-connection.ts";

const alice = { id: "Alice", ip: "192.0.2.1", port: 5555 };
const key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const otherKey = "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08";
const bytes = (text: string) => new TextEncoder().encode(text);

function server() {
  const registry = new Registry();
  const ask = (message: string, network = "192.0.2.1"): string =>
    new RegistryConnection(registry, network).handleData(bytes(message), 0).reply ?? "";
  return { registry, ask };
}

const registered = withHeader(encodeRegister(alice), "key", key);
const withKeys = (id: string, peer?: string) =>
  withHeader(encodeBridge(id, peer), "keys", "with-contact");
const look = (peer: string) => withHeader(encodeBridge("Bob", peer), "keys", "look");

test("a key is registered, and returned on request; nobody else sees a difference", () => {
  const { ask } = server();
  expect(ask(registered)).toBe(encodeRegack(alice));
  expect(ask(encodeBridge("Bob", "Alice"))).toBe(encodeBridgeAck(alice));
  expect(ask(withKeys("Bob", "Alice"))).toBe(withHeader(encodeBridgeAck(alice), "key", key));
  // Neither does a client without a key.
  ask(encodeRegister({ ...alice, id: "Cal" }));
  expect(ask(withKeys("Bob", "Cal"))).toBe(encodeBridgeAck({ ...alice, id: "Cal" }));
});

test("a look hands out nobody, and makes nobody wait", () => {
  const { registry, ask } = server();
  ask(registered);
  expect(ask(look("alice"))).toBe(withHeader(encodeBridgeAck(alice), "key", key));
  expect(registry.find("Alice")).toMatchObject({ handedOut: false });
  expect(ask(look("Nobody"))).toBe(encodeBridgeAck());
  ask(encodeRegister({ ...alice, id: "Bob" }));
  ask(look("Nobody"));
  expect(registry.find("Bob")?.waitingSinceMs).toBeUndefined();
});

test("a registration without a key removes the key, and so does a ban", () => {
  const { ask, registry } = server();
  ask(registered);
  ask(encodeRegister(alice));
  expect([ask(withKeys("Bob", "Alice")), ask(look("Alice"))]).toEqual([
    encodeBridgeAck(alice),
    encodeBridgeAck(),
  ]);
  ask(registered);
  registry.dropBanned((id) => id === "Alice");
  expect(ask(look("Alice"))).toBe(encodeBridgeAck());
});

test("another network can neither take an ID over nor change its key", () => {
  const { ask } = server();
  ask(registered);
  const taken = withHeader(encodeRegister({ ...alice, port: 1 }), "key", otherKey);
  expect(ask(taken, "198.51.100.1")).toContain("Status: taken");
  expect(ask(look("Alice"))).toContain(key);
});

test("keys of unreachable addresses are not returned", () => {
  const { ask } = server();
  const local = { ...alice, ip: "127.0.0.1" };
  ask(withHeader(encodeRegister(local), "key", key), "127.0.0.1");
  expect(ask(look("Alice"), "127.0.0.1")).toContain(key);
  expect(ask(look("Alice"), "198.51.100.1")).toBe(encodeBridgeAck());
});

test("an invalid key is treated as none, in requests and answers", () => {
  const { ask } = server();
  for (const bad of ["x", "", key.slice(1), `${key}=`]) {
    expect(ask(withHeader(encodeRegister(alice), "key", bad))).toBe(encodeRegack(alice));
    expect(ask(look("Alice"))).toBe(encodeBridgeAck());
  }
  const parser = new CppParser();
  parser.handleData(bytes(withHeader(encodeBridgeAck(alice), "key", "not a key")));
  expect(parser.pollMessage()).toEqual({
    type: "message",
    message: { type: "BRIDGEACK", contact: alice },
  });
});
