// One connection to the registry: a request in, its answer and the server's log lines out.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { encodeBridge, encodeBridgeAck, encodeRegister } from "../../src/cpp/codec.ts";
import { contactLine, RegistryConnection } from "../../src/cpp/registry-connection.ts";
import { Registry } from "../../src/cpp/registry.ts";
import { anyCharacter } from "../any-character.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const alice = { id: "Alice", ip: "127.0.0.1", port: 5555 };
const bob = { id: "Bob", ip: "127.0.0.1", port: 7777 };

/**
 * Sends these segments and then FIN; returns the reply, the log, and after which segment the
 * connection was closed.
 */
function connect(registry: Registry, segments: readonly (string | Uint8Array)[]) {
  const connection = new RegistryConnection(registry, "127.0.0.1");
  const log: string[] = [];
  let reply = "";
  let endedAfter: number | undefined;
  segments.forEach((segment, at) => {
    const answer = connection.handleData(typeof segment === "string" ? bytes(segment) : segment, 1);
    reply += answer.reply ?? "";
    log.push(...answer.log);
    if (answer.end) endedAfter ??= at;
  });
  const last = connection.handleEnd();
  expect(last.end).toBe(true);
  return { reply: reply + (last.reply ?? ""), log: [...log, ...last.log], endedAfter };
}

describe("one request per connection", () => {
  test("the original transcript: both answers and the log lines", () => {
    const registry = new Registry();
    expect(connect(registry, [encodeRegister(alice)])).toEqual({
      reply:
        "REGACK\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 5555\r\nStatus: registered\r\n\r\n",
      log: ["REGISTER: Alice from 127.0.0.1:5555 received"],
      endedAfter: 0,
    });
    expect(connect(registry, [encodeBridge("Alice")])).toEqual({
      reply: encodeBridgeAck(),
      log: [],
      endedAfter: 0,
    });
    connect(registry, [encodeRegister(bob)]);
    expect(connect(registry, [encodeBridge("Bob")])).toEqual({
      reply: encodeBridgeAck(alice),
      log: ["BRIDGE: Bob 127.0.0.1:7777 Alice 127.0.0.1:5555"],
      endedAfter: 0,
    });
    expect(registry.entries().map(contactLine)).toEqual([
      "Alice 127.0.0.1:5555",
      "Bob 127.0.0.1:7777",
    ]);
  });

  test("any segmentation, the line ending of `echo -e`, and later requests are ignored", () => {
    const wire = `${encodeRegister(alice)}\n${encodeRegister(bob)}`;
    const answer = connect(new Registry(), [...wire]);
    expect(answer.reply).toStartWith("REGACK\r\nclientID: Alice\r\n");
    expect(answer.log).toHaveLength(1);
    expect(answer.endedAfter).toBe(55);
  });

  test.each([
    ["another type", ["REGISTERs\r\n"]],
    ["a missing header", ["REGISTER\r\nclientID: Alice\r\n\r\n"]],
    ["an invalid port", ["REGISTER\r\nclientID: A\r\nIP: 127.0.0.1\r\nPort: x\r\n\r\n"]],
    ["a message meant for peers", ["CHAT\r\nmessage: x\r\nid: A\r\nip: h\r\nport: 1\r\n\r\n"]],
    ["QUIT", ["QUIT\r\n\r\n"]],
    ["an answer", [encodeBridgeAck()]],
    ["half a request, then FIN", ["REGISTER\r\nclientID: A", "lice\r\n"]],
    ["one letter, then FIN", ["R"]],
    ["a long line", ["BRIDGE\r\n", "x".repeat(100_000)]],
  ])("%s is refused, and the registry goes on", (_what, segments) => {
    const registry = new Registry();
    const answer = connect(registry, segments);
    expect(answer.reply).toBe("Un expected message\n");
    expect(answer.log).toEqual(["Malformed incoming message"]);
    expect(registry.size).toBe(0);
    expect(connect(registry, [encodeRegister(alice)]).reply).toStartWith("REGACK\r\n");
  });

  test("a connection that sends only line endings gets no answer", () => {
    for (const segments of [[], ["\r\n"], ["\n", "\r"]]) {
      expect(connect(new Registry(), segments)).toMatchObject({ reply: "", log: [] });
    }
  });

  test("IPv6 addresses are logged in brackets", () => {
    const registry = new Registry();
    expect(connect(registry, [encodeRegister({ ...alice, ip: "::1" })]).log).toEqual([
      "REGISTER: Alice from [::1]:5555 received",
    ]);
  });

  test("an unregistered client may bridge", () => {
    const registry = new Registry();
    registry.register(alice, 0);
    expect(connect(registry, [encodeBridge("Zoe")]).log).toEqual([
      "BRIDGE: Zoe (not registered) Alice 127.0.0.1:5555",
    ]);
  });
});

test("hostile connections: a valid answer or none, no control character in the log", () => {
  const registry = new Registry();
  const request = "REGISTER\r\nclientID: Bea\r\nIP: ::1\r\nPort: 80\r\n";
  const piece = fc.oneof(
    fc.constantFrom(request, "REGISTER\r\n", "BRIDGE\n", "QUIT", "IP: ::1\r\n", "\r\n", "\r\n"),
    fc.constantFrom("clientID: Bea\r\n", "clientID: A\x1b[2J\r\n", "Port: 0\r\n", "peer: Bea\r\n"),
    fc.string({ unit: anyCharacter, maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 7 }), (segments) => {
      const { reply, log } = connect(registry, segments);
      if (!/^(|Un expected message\n|(REGACK|BRIDGEACK)\r\n([^\r\n]+\r\n){4}\r\n)$/.test(reply)) {
        throw new Error(`invalid answer: ${JSON.stringify(reply)}`);
      }
      for (const line of log) if (/[\u0000-\u001f\u007f-\u009f]/.test(line)) throw new Error(line);
    }),
    { numRuns: 10_000 },
  );
  expect(registry.size).toBeGreaterThan(0);
});

test("registrations are counted for the network that made them, not for the address in them", () => {
  const registry = new Registry({ maxEntries: 3 });
  const register = (id: string, ip: string, from: string) => {
    const connection = new RegistryConnection(registry, from);
    connection.handleData(bytes(encodeRegister({ id, ip, port: 1 })), 1);
  };
  register("Alice", "192.0.2.1", "192.0.2.1");
  for (let i = 0; i < 9; i++) register(`u${i}`, `192.0.2.${2 + i}`, "192.0.2.9");
  expect(registry.entries().map(({ id }) => id)).toEqual(["Alice", "u7", "u8"]);
});
