// The peer state machine against peers of every style, without sockets: turns, calls, leaving.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { encodeBareChat, encodeChat, encodeRegack } from "../../src/cpp/codec.ts";
import { CppParser } from "../../src/cpp/parser.ts";
import { peer as limits, registry as registryLimits } from "../../src/limits.ts";
import { World, type WorldPeer } from "./peer-world.ts";
import { anyCharacter } from "../any-character.ts";

const carol = { id: "Carol", ip: "10.0.0.9", port: 9999 };

/** Alice waits; Bob has bridged to her and is connected. */
function bridged(options: { duplex?: boolean[] } = {}) {
  const world = new World();
  const alice = world.join("Alice", { duplex: options.duplex?.[0] ?? false });
  const bob = world.join("Bob", { duplex: options.duplex?.[1] ?? false });
  world.type(alice, "/register", "/bridge");
  world.type(bob, "/register", "/bridge");
  return { world, alice, bob };
}

/** A foreign program calls Alice. */
function called() {
  const world = new World();
  const alice = world.join("Alice");
  const received: string[] = [];
  return { world, alice, received, caller: world.call(alice, received) };
}

/** The lines since the last call. */
const since = (peer: WorldPeer) => peer.lines.splice(0);

describe("commands", () => {
  test("the first line, /id, and invalid commands", () => {
    const world = new World();
    const alice = world.join("Alice");
    world.type(alice, "/id", " /id ", "/regist", "", "hello", "/id Bob", "/chat", "/quit");
    const invalid = "Invalid command. Use /id, /register, /bridge, /chat, or /quit.";
    expect(alice.lines).toEqual([
      "Alice running on 127.0.0.1:5000",
      "Alice",
      "Alice",
      invalid,
      invalid,
      invalid,
      invalid,
      "Exiting program",
    ]);
    expect(alice.exit).toBe("done");
  });

  test("Ctrl-C exits like /quit, with a different reason", () => {
    const world = new World();
    const alice = world.join("Alice");
    alice.machine.handleInterrupt("interrupted", 0);
    world.settle();
    expect(alice.lines.at(-1)).toBe("Exiting program");
    expect(alice.exit).toBe("interrupted");
    expect(alice.events.at(-1)).toMatchObject({ event: "exit", code: "interrupted" });
  });

  test("failures are reported and survived", () => {
    const world = new World();
    const alice = world.join("Alice");
    world.registryAnswers = false;
    world.type(alice, "/register");
    alice.machine.handleAnswer(
      { failed: "cannot connect to 127.0.0.1:8080: connection refused" },
      0,
    );
    world.type(alice, "/bridge");
    alice.machine.handleAnswer({ message: { type: "QUIT" } }, 0);
    world.settle();
    expect(alice.lines.slice(1)).toEqual([
      "Register failed: cannot connect to 127.0.0.1:8080: connection refused",
      "Bridge request failed: the registry answered QUIT, expected BRIDGEACK",
    ]);
    expect(alice.exit).toBeUndefined();
  });

  test("a REGACK for another ID or with another status is a failure", () => {
    const world = new World();
    const alice = world.join("Alice");
    world.registryAnswers = false;
    const answers = [
      encodeRegack({ id: "Bob", ip: "127.0.0.1", port: 5_000 }),
      encodeRegack(alice.contact).replace("registered", "denied\x1b[2J"),
      encodeRegack(alice.contact).replace("Status: registered\r\n", ""),
      encodeRegack(alice.contact).replace("Status: registered", "status:  Registered"),
    ];
    for (const answer of answers) {
      world.type(alice, "/register");
      const parser = new CppParser();
      parser.handleData(new TextEncoder().encode(answer));
      const result = parser.pollMessage();
      if (result.type === "message") alice.machine.handleAnswer({ message: result.message }, 0);
      else if (result.type === "malformed")
        alice.machine.handleAnswer({ failed: result.reason }, 0);
      world.settle();
    }
    expect(alice.lines.slice(1)).toEqual([
      "Register failed: the registry answered for Bob, not for Alice",
      "Register failed: the registry answered Status: 'denied', expected 'registered'",
      "Register failed: Status is missing",
    ]);
    expect(alice.events.filter(({ event }) => event === "registered")).toHaveLength(1);
  });

  test("commands typed during a request wait for its answer", () => {
    const world = new World();
    const alice = world.join("Alice");
    world.registryAnswers = false;
    world.type(alice, "/register", "/id", "/quit");
    expect(alice.lines).toHaveLength(1);
    world.answer();
    expect(alice.lines.slice(1)).toEqual(["Alice", "Exiting program"]);
    expect(world.registry.find("Alice")).toBeDefined();
  });

  test("/bridge NAME asks for a peer by name", () => {
    const world = new World();
    const peers = ["A", "B", "C"].map((id) => world.join(id));
    for (const peer of peers) world.type(peer, "/register");
    const [a, b] = peers;
    if (!a || !b) throw new Error("no peers");
    world.type(a, "/bridge C");
    expect(a.events).toContainEqual({
      event: "bridged",
      peer: expect.objectContaining({ id: "C" }),
    });
    world.type(b, "/bridge Nobody");
    expect(b.lines.at(-1)).toBe("B IN WAIT MODE");
  });
});

describe("a chat in the original style", () => {
  test("the documented transcript, line by line and byte by byte", () => {
    const { world, alice, bob } = bridged();
    expect(since(alice)).toEqual(["Alice running on 127.0.0.1:5000", "Alice IN WAIT MODE"]);
    expect(since(bob)).toEqual(["Bob running on 127.0.0.1:5001"]);
    // The connection made at /bridge stays silent until the first line.
    world.type(bob, "/chat");
    expect(bob.sent).toEqual([]);
    world.type(bob, "Hello there");
    world.type(alice, "Hi Bob Im Alice");
    world.type(bob, "/quit");
    expect(alice.lines).toEqual([
      "Incoming chat request from Bob 127.0.0.1:5001",
      "Bob> Hello there",
      "IN WRITE MODE",
      "IN READ MODE",
      "Bob has ended the chat session.",
      "Exiting program",
    ]);
    expect(bob.lines).toEqual([
      "IN CHAT MODE",
      "IN WRITE MODE",
      "IN READ MODE",
      "Alice> Hi Bob Im Alice",
      "IN WRITE MODE",
      "Chat session has ended",
      "Exiting program",
    ]);
    const quit = "CHAT\r\nmessage: /quit\r\nid: Bob\r\nip: 127.0.0.1\r\nport: 5001\r\n\r\n";
    expect(bob.sent).toEqual([encodeChat(bob.contact, "Hello there"), quit, quit]);
    expect(alice.sent).toEqual([
      encodeChat(alice.contact, "Hi Bob Im Alice"),
      encodeChat(alice.contact, "/quit"),
    ]);
  });

  test("lines typed out of turn wait, one per turn; /quit does not", () => {
    const { world, alice, bob } = bridged();
    world.type(bob, "/chat", "one", "two", "three");
    expect(bob.sent).toHaveLength(1);
    world.type(alice, "a");
    expect(bob.sent.at(-1)).toBe(encodeChat(bob.contact, "two"));
    world.type(bob, "/quit");
    expect(alice.lines.filter((line) => line.startsWith("Bob> "))).toEqual([
      "Bob> one",
      "Bob> two",
    ]);
    expect(alice.exit).toBe("done");
  });

  test("lines typed out of turn are bounded, and a dropped one is reported", () => {
    const { world, bob } = bridged();
    world.type(bob, "/chat", "first");
    for (let at = 0; at <= limits.maxTypedAhead; at++) world.type(bob, `line ${at}`);
    expect(bob.machine.isFull).toBe(true);
    expect(bob.lines.filter((line) => line.startsWith("Line dropped"))).toHaveLength(1);
  });

  test("in a chat commands are text, an empty line keeps the turn, a long one is refused", () => {
    const { world, alice, bob } = bridged();
    world.type(bob, "/chat", "", "  ", "/id");
    expect(alice.lines).toContain("Bob> /id");
    world.type(alice, "x".repeat(registryLimits.maxMessageBytes));
    expect(alice.lines.at(-1)).toStartWith("Message not sent: it takes ");
    world.type(alice, "short");
    expect(bob.lines).toContain("Alice> short");
  });

  test("Ctrl-C in a chat tells the peer", () => {
    const { world, alice, bob } = bridged();
    world.type(bob, "/chat", "hi");
    bob.machine.handleInterrupt("interrupted", 0);
    world.settle();
    expect(bob.lines.slice(-2)).toEqual(["Chat session has ended", "Exiting program"]);
    expect(bob.exit).toBe("interrupted");
    expect(alice.lines.at(-2)).toBe("Bob has ended the chat session.");
  });

  test("after the end of input the peer leaves on its next turn", () => {
    const { world, alice, bob } = bridged();
    world.type(bob, "/chat", "hi", "again");
    bob.machine.handleInputEnd(0);
    world.settle();
    expect(bob.exit).toBeUndefined();
    world.type(alice, "one");
    expect(alice.lines).toContain("Bob> again");
    world.type(alice, "two");
    expect(bob.exit).toBe("done");
    expect(alice.lines.at(-2)).toBe("Bob has ended the chat session.");
  });

  test("after the end of input a waiting peer stays, an idle one leaves", () => {
    const { world, alice, bob } = bridged();
    alice.machine.handleInputEnd(0);
    bob.machine.handleInputEnd(0);
    world.settle();
    expect(alice.exit).toBeUndefined();
    expect(bob.exit).toBe("done");
  });

  test("two peers that call each other at the same time hear each other, and both can leave", () => {
    const world = new World();
    const [a, b] = [world.join("A"), world.join("B")];
    for (const peer of [a, b]) world.type(peer, "/register");
    for (const peer of [a, b]) world.type(peer, "/bridge");
    for (const peer of [a, b]) world.type(peer, "/chat");
    a.machine.handleTyped("from A", 0);
    b.machine.handleTyped("from B", 0);
    world.settle();
    expect(a.lines).toContain("B> from B");
    expect(b.lines).toContain("A> from A");
    world.type(a, "more");
    expect(b.lines).toContain("A> more");
    world.type(b, "/quit");
    expect([a.exit, b.exit]).toEqual(["done", "done"]);
  });
});

/** Alice, whose `/register` requests got these answers, one after another. */
function registering(...answers: Parameters<WorldPeer["machine"]["handleAnswer"]>[0][]) {
  const world = new World();
  const alice = world.join("Alice");
  world.registryAnswers = false;
  for (const answer of answers) {
    world.type(alice, "/register");
    alice.machine.handleAnswer(answer, 0);
  }
  return { world, alice };
}

describe("requests that fail", () => {
  test("at the end of input the last failure is the exit reason; after /quit it is not", () => {
    const unreachable = { failed: "cannot connect to 127.0.0.1:8080: connection refused" };
    const contact = { id: "Alice", ip: "127.0.0.1", port: 5000 };
    const registered = { message: { type: "REGACK", ...contact, status: "registered" } } as const;
    const denied = { message: { ...registered.message, status: "denied" } };
    const cases = [
      [[unreachable], "unreachable"],
      [[unreachable, registered], "done"],
      [[denied], "refused"],
      [[{ message: { type: "QUIT" } }], "malformed"],
    ] as const;
    for (const [answers, exit] of cases) {
      const { world, alice } = registering(...answers);
      // Only then does the server pass calls on.
      expect([answers, alice.machine.isRegistered]).toEqual([answers, exit === "done"]);
      alice.machine.handleInputEnd(0);
      world.settle();
      expect([answers, alice.exit]).toEqual([answers, exit]);
    }
    const { world, alice } = registering(unreachable);
    world.type(alice, "/quit");
    expect(alice.exit).toBe("done");
  });

  test("/chat without a peer to call: no line, but an event", () => {
    const world = new World();
    const alice = world.join("Alice");
    world.type(alice, "/chat", "/register", "/bridge", "/chat");
    expect(alice.lines.slice(1)).toEqual(["Alice IN WAIT MODE"]);
    const said = alice.events.filter(({ event }) => event === "failed");
    expect(said).toMatchObject([
      { what: "chat", reason: expect.stringContaining("find someone with /bridge") },
      { what: "chat", reason: expect.stringContaining("waiting for a call") },
    ]);
  });

  test("/bridge tries the next peer as long as the returned ones have left", () => {
    const world = new World();
    for (const [at, id] of ["Old", "Older"].entries()) {
      world.registry.register({ id, ip: "127.0.0.1", port: 1 + at }, at);
    }
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    world.type(alice, "/register");
    world.type(bob, "/bridge");
    expect(bob.lines.slice(1)).toEqual([
      "Bridge request failed: connection refused; asking for the next one",
      "Bridge request failed: connection refused; asking for the next one",
    ]);
    expect(bob.events.at(-1)).toMatchObject({ event: "connected", peer: { id: "Alice" } });
  });

  test("/bridge stops at a peer returned twice, /bridge NAME immediately", () => {
    const world = new World();
    const bob = world.join("Bob");
    const gone = { id: "Gone", ip: "127.0.0.1", port: 1 };
    const given = { message: { type: "BRIDGEACK", contact: gone } } as const;
    world.registryAnswers = false;
    world.type(bob, "/bridge");
    bob.machine.handleAnswer(given, 0);
    world.settle();
    bob.machine.handleAnswer(given, 0);
    world.type(bob, "/bridge Gone");
    bob.machine.handleAnswer(given, 0);
    world.settle();
    expect(bob.lines.slice(1)).toEqual([
      "Bridge request failed: connection refused; asking for the next one",
      "Bridge request failed: the registry knows nobody else",
      "Bridge request failed: connection refused",
    ]);
    expect(world.asked.length).toBe(3);
    bob.machine.handleInputEnd(0);
    world.settle();
    expect(bob.exit).toBe("unreachable");
  });
});

/** Eve calls Alice, who is chatting with Bob. */
function busy() {
  const { world, alice, bob } = bridged();
  world.type(bob, "/chat", "hi");
  const eve = world.join("Eve");
  world.type(eve, "/register", "/bridge Alice", "/chat", "me too");
  return { alice, eve };
}

describe("calling a peer that is in a chat", () => {
  test("the caller is told that the peer is busy, and exits as refused", () => {
    const { alice, eve } = busy();
    expect(eve.lines.slice(-2)).toEqual(["Alice has ended the chat session.", "Exiting program"]);
    expect(eve.events.at(-2)).toEqual({ event: "ended", by: "busy" });
    expect(eve.exit).toBe("refused");
    expect(eve.events.at(-1)).toMatchObject({ event: "exit", code: "declined" });
    expect(alice.exit).toBeUndefined();
  });

  test("a peer that hears the caller and then leaves has not refused it", () => {
    const { world, alice, bob } = bridged();
    world.type(bob, "/chat", "hi");
    world.type(alice, "/quit");
    expect(bob.events.at(-2)).toEqual({ event: "ended", by: "peer" });
    expect(bob.exit).toBe("done");
  });

  test("the caller does not wait for a second /quit that never arrives", () => {
    const { world, alice, bob } = bridged();
    world.type(bob, "/chat", "hi");
    const [connection] = bob.farEnds.keys();
    if (connection === undefined) throw new Error("no connection");
    bob.farEnds.clear();
    const quit = new TextEncoder().encode(encodeChat(alice.contact, "/quit"));
    bob.machine.handleData(connection, quit, world.nowMs);
    world.settle();
    expect(bob.exit).toBeUndefined();
    world.wait();
    expect(bob.exit).toBe("done");
  });
});

describe("vanishing peers and many callers", () => {
  test("a chat whose connection closes without a goodbye ends, and this is reported", () => {
    const world = new World();
    const alice = world.join("Alice");
    const heard: string[] = [];
    const caller = world.call(alice, heard);
    caller.send(encodeChat(carol, "hi"));
    caller.hangUp();
    expect(alice.lines.slice(-2)).toEqual([
      "Carol disconnected without saying goodbye.",
      "Exiting program",
    ]);
  });

  test("a silent caller may leave; a peer that leaves before /chat can be called again", () => {
    const { world, alice, bob } = bridged();
    since(bob);
    alice.machine.handleInterrupt("interrupted", 0);
    world.settle();
    expect(bob.lines).toEqual([
      "The connection to Alice 127.0.0.1:5000 was closed; /chat calls again.",
    ]);
    world.type(bob, "/chat");
    expect(bob.lines.at(-1)).toBe("Chat request failed: connection refused");
    world.call(bob, []).hangUp();
    expect(bob.exit).toBeUndefined();
  });

  test("a second caller is rejected in its own style", () => {
    const { world, alice, bob } = bridged();
    world.type(bob, "/chat", "hi");
    const [heard, heardBare]: [string[], string[]] = [[], []];
    world.call(alice, heard).send(encodeChat(carol, "me too"));
    world.call(alice, heardBare).send(encodeBareChat(carol));
    expect(heard).toEqual([encodeChat(alice.contact, "/quit"), "(ended)"]);
    expect(heardBare).toEqual(["(ended)"]);
    expect(alice.lines.at(-1)).toBe(
      "Carol 10.0.0.9:9999 called during this chat and was rejected.",
    );
    world.type(alice, "still here");
    expect(bob.lines).toContain("Alice> still here");
  });

  test("callers who are rejected again and again do not push a chat out of sight", () => {
    const { world, alice, bob } = bridged();
    world.type(bob, "/chat", "hi");
    since(alice);
    const rounds = 100;
    for (let at = 0; at < rounds; at++) {
      world.call(alice, []).send(encodeChat(carol, "me too"));
      world.call(alice, []).send("GET / HTTP/1.1\r\n\r\n");
    }
    expect(alice.lines).toHaveLength(limits.rejectionLinesAtOnce);
    world.nowMs += limits.rejectionLineEveryMs;
    world.call(alice, []).send(encodeChat(carol, "me too"));
    expect(alice.lines.at(-1)).toBe(
      "Carol 10.0.0.9:9999 called during this chat and was rejected. " +
        `(Rejected before that, and not shown: ${2 * rounds - limits.rejectionLinesAtOnce})`,
    );
    expect(alice.lines).toHaveLength(limits.rejectionLinesAtOnce + 1);
  });

  test("silent callers never time out, but their number is bounded", () => {
    const world = new World();
    const alice = world.join("Alice");
    const heard: string[][] = [];
    const calls = Array.from({ length: limits.maxSilentCallers + 3 }, (_, at) => {
      const call = world.call(alice, (heard[at] = []));
      world.settle();
      return call;
    });
    expect(heard.map((each) => each.length)).toEqual([
      1,
      1,
      1,
      ...Array<number>(limits.maxSilentCallers).fill(0),
    ]);
    // Reported once, and a caller that speaks is heard.
    expect(alice.lines.slice(1)).toEqual([
      "16 callers are connected and silent: each new one disconnects the oldest.",
    ]);
    calls.at(-1)?.send(encodeChat(carol, "hi"));
    expect(alice.lines).toContain("Carol> hi");
  });

  test("silent callers displace neither the chat nor the peer that was called", () => {
    const { world, alice, bob } = bridged();
    const flood = (peer: WorldPeer) => {
      for (let at = 0; at < 2 * limits.maxSilentCallers; at++) world.call(peer, []);
      world.settle();
    };
    flood(bob);
    world.type(bob, "/chat", "hi");
    expect(alice.lines).toContain("Bob> hi");
    flood(alice);
    flood(bob);
    world.type(alice, "still here");
    expect(bob.lines).toContain("Alice> still here");
  });

  test("malformed input ends a call, and a chat", () => {
    const world = new World();
    const alice = world.join("Alice");
    const heard: string[] = [];
    world.call(alice, heard).send("GET / HTTP/1.1\r\n\r\n");
    expect(heard).toEqual(["(ended)"]);
    expect(alice.lines.at(-1)).toBe("Malformed incoming message");
    expect(alice.exit).toBeUndefined();
    const caller = world.call(alice, []);
    caller.send(encodeChat(carol, "hi"));
    caller.send("no message");
    expect(alice.lines.slice(-2)).toEqual(["Malformed incoming message", "Exiting program"]);
    expect(alice.exit).toBe("malformed");
  });

  test("the address of a caller is the socket's, not what it claims", () => {
    const world = new World();
    const alice = world.join("Alice");
    const trusted = { ...carol, ip: "192.0.2.7" };
    world.call(alice, []).send(encodeChat(trusted, "hi"));
    expect(alice.lines).toContain("Incoming chat request from Carol 10.0.0.9:9999");
    expect(alice.events).toContainEqual({ event: "chat", peer: carol, by: "peer" });
  });

  test("nobody else can impersonate the peer that we have called", () => {
    const { world, alice, bob } = bridged();
    world.type(bob, "/chat");
    const received: string[] = [];
    world.call(bob, received).send(encodeChat(alice.contact, "give me the password"));
    expect(received.at(-1)).toBe("(ended)");
    expect(bob.lines.join()).not.toContain("password");
  });

  test("a text with line endings and escapes becomes one harmless line", () => {
    const world = new World();
    const alice = world.join("Alice");
    world.call(alice, []).send(encodeChat(carol, "x\r\nBob> forged\x1b[2J"));
    expect(alice.lines).toContain("Carol> x Bob> forged");
  });
});

describe("other programs of the same protocol", () => {
  test.each(["QUIT\r\n\r\n", "QUIT\r\n\r\n\r\n"])("bare text both ways, ended by %j", (quit) => {
    const { world, alice, received, caller } = called();
    caller.send(encodeBareChat(carol));
    caller.send("Hello");
    world.type(alice, "Hi Carol");
    caller.send("CHAT is fun");
    caller.send(quit);
    expect(alice.lines.slice(1)).toEqual([
      "Incoming chat request from Carol 10.0.0.9:9999",
      "Carol> Hello",
      "IN WRITE MODE",
      "IN READ MODE",
      "Carol> CHAT is fun",
      "IN WRITE MODE",
      "Carol has ended the chat session.",
      "Exiting program",
    ]);
    expect(received).toEqual(["Hi Carol", "QUIT\r\n\r\n", "(ended)"]);
  });

  test("we leave by closing the connection, without a byte", () => {
    const { world, alice, received, caller } = called();
    caller.send(`${encodeBareChat(carol)}Hello`);
    world.type(alice, "/quit");
    expect(received).toEqual(["(ended)"]);
  });

  test("--style bare: connects at /chat, sends a CHAT, then bare text a while later", () => {
    const world = new World();
    const zoe = world.join("Zoe", { style: "bare" });
    const alice = world.join("Alice");
    world.type(alice, "/register");
    world.type(zoe, "/bridge");
    expect(zoe.events.at(-1)).toMatchObject({ event: "bridged" });
    world.type(zoe, "/chat", "Hello");
    expect(zoe.sent).toEqual([encodeBareChat(zoe.contact)]);
    world.wait();
    expect(zoe.sent).toEqual([encodeBareChat(zoe.contact), "Hello"]);
    world.type(alice, "Hi Zoe");
    expect(alice.sent).toEqual(["Hi Zoe"]);
    expect(zoe.lines.slice(1)).toEqual([
      "IN CHAT MODE",
      "IN WRITE MODE",
      "IN READ MODE",
      "Alice> Hi Zoe",
      "IN WRITE MODE",
    ]);
    world.type(zoe, "/quit");
    expect(zoe.sent).toHaveLength(2);
    expect([zoe.exit, alice.exit]).toEqual(["done", "done"]);
  });

  test("--style bare: a callee that answers with CHAT is sent CHAT", () => {
    const world = new World();
    const zoe = world.join("Zoe", { style: "bare" });
    const alice = world.join("Alice");
    world.type(alice, "/register");
    world.type(zoe, "/bridge", "/chat");
    const [connection] = zoe.farEnds.keys();
    if (connection === undefined) throw new Error("no connection");
    const answer = new TextEncoder().encode(encodeChat(alice.contact, "Hi"));
    zoe.machine.handleData(connection, answer, world.nowMs);
    world.wait();
    world.type(zoe, "Hello");
    expect(zoe.sent).toEqual([encodeBareChat(zoe.contact), encodeChat(zoe.contact, "Hello")]);
  });

  test("texts out of turn are all shown, and we keep the turn", () => {
    const { world, alice, caller } = called();
    caller.send(`${encodeBareChat(carol)}one`);
    caller.send("two");
    expect(alice.lines.slice(2)).toEqual(["Carol> one", "IN WRITE MODE", "Carol> two"]);
    world.type(alice, "ok");
    expect(alice.lines.at(-1)).toBe("IN READ MODE");
  });

  test("a caller that opens with a message is answered with CHAT", () => {
    const { world, alice, received, caller } = called();
    caller.send(encodeChat(carol, "Hello"));
    world.type(alice, "Hi");
    expect(received).toEqual([encodeChat(alice.contact, "Hi")]);
  });
});

describe("--duplex", () => {
  test("two parleys with the flag lift the turns with the first line", () => {
    const { world, alice, bob } = bridged({ duplex: [true, true] });
    world.type(bob, "/chat", "one");
    world.type(bob, "two", "three");
    world.type(alice, "a", "b");
    expect(alice.lines.slice(2)).toEqual([
      "Incoming chat request from Bob 127.0.0.1:5001",
      "Bob> one",
      "IN DUPLEX MODE",
      "Bob> two",
      "Bob> three",
    ]);
    expect(bob.lines.slice(1)).toEqual([
      "IN CHAT MODE",
      "IN WRITE MODE",
      "IN READ MODE",
      "IN DUPLEX MODE",
      "Alice> a",
      "Alice> b",
    ]);
  });

  test.each([
    [true, false],
    [false, true],
  ])("if only one wants it (%p, %p), turns stay", (first, second) => {
    const { world, alice, bob } = bridged({ duplex: [first, second] });
    world.type(bob, "/chat", "one", "two");
    expect(bob.lines.at(-1)).toBe("IN READ MODE");
    world.type(alice, "a");
    expect(alice.lines).toContain("Bob> two");
    expect(alice.lines.concat(bob.lines)).not.toContain("IN DUPLEX MODE");
  });
});

test("100 000 hostile inputs: a peer never throws and shows no control character", () => {
  const wire = fc.oneof(
    fc.constantFrom(
      encodeChat(carol, "x"),
      encodeBareChat(carol),
      "QUIT\r\n\r\n",
      "CHAT\r\n",
      "\x1b[2J",
    ),
    fc.constantFrom("message: a\r\n", "id: B\r\nip: h\r\nport: 1\r\n\r\n", "duplex: yes\r\n"),
    fc.string({ unit: anyCharacter, maxLength: 8 }),
  );
  const input = fc.oneof(
    fc.record({ connection: fc.integer({ min: 1, max: 4 }), wire }),
    fc.record({
      line: fc.oneof(fc.constantFrom("/register", "/bridge", "/chat", "x", "/id"), wire),
    }),
    fc.record({ ends: fc.integer({ min: 1, max: 4 }) }),
  );
  let runs = 0;
  fc.assert(
    fc.property(fc.array(input, { minLength: 4, maxLength: 8 }), fc.boolean(), (inputs, duplex) => {
      const world = new World();
      const alice = world.join("Alice", { duplex });
      for (let at = 0; at < 3; at++) world.call(alice, []);
      for (const input of inputs) {
        runs++;
        if ("line" in input) alice.machine.handleTyped(input.line, 0);
        else if ("ends" in input) alice.machine.handleEnd(input.ends, runs);
        else {
          const bytes = new TextEncoder().encode(input.wire);
          alice.machine.handleData(input.connection, bytes, runs);
        }
        world.settle();
      }
      for (const line of alice.lines) {
        if (/[\u0000-\u001f\u007f-\u009f]/.test(line)) throw new Error(JSON.stringify(line));
      }
    }),
    { numRuns: 20_000 },
  );
  expect(runs).toBeGreaterThan(100_000);
});
