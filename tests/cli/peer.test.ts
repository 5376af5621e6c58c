// `parley peer` between two parleys, with the compiled programs: protected calls, the bytes on the
// wire, a man in the middle, changed keys, files; and the old protocol where it is needed.

import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import {
  encodeBridge,
  encodeChat,
  encodeRegister,
  parsePort,
  withHeader,
} from "../../src/cpp/codec.ts";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { openIdentity } from "../../src/tls/identity-key.ts";
import { noise } from "../noise.ts";
import { testFolder } from "../test-folder.ts";
import { hide, listening, World } from "./peer-world.ts";

setDefaultTimeout(180_000);

const base = testFolder("peer");

const portOf = (running: string): number => parsePort(running.split(":").at(-1) ?? "") ?? 0;

test("two parleys have a protected call without turns, and both screens say so", async () => {
  await using world = await new World(base).startHere();
  const alice = await world.waiting("Alice");
  const bob = world.peer("Bob");
  bob.type("/register", "/bridge Alice", "/chat", "one", "two");
  await alice.line("Bob> two");
  alice.type("a", "b");
  await bob.line("Alice> b");
  bob.type("/quit");
  expect([await alice.exit(), await bob.exit()]).toEqual([0, 0]);
  expect(alice.lines.slice(2)).toEqual([
    expect.stringMatching(/^Incoming chat request from Bob 127\.0\.0\.1:\d+$/),
    "IN DUPLEX MODE",
    "Bob> one",
    "Bob> two",
    "Bob has ended the chat session.",
    "Exiting program",
  ]);
  for (const [peer, other] of [
    [alice, "Bob"],
    [bob, "Alice"],
  ] as const) {
    expect(peer.stderr).toContain(`Protected by TLS. You did not know the key of ${other} before`);
  }
  // In the next call they know each other's keys, and compare them.
  const again = await world.waiting("Alice");
  // Alice could be reached.
  const caller = world.peer("Bob", "Bob", "--json", "--no-direct");
  caller.type("/bridge Alice", "/chat", "hello");
  await again.line("Bob> hello");
  const said = "Protected by TLS, and Bob has shown the key that you know";
  await again.says(said);
  const chat = JSON.parse(await caller.line(/"event":"chat"/)) as unknown;
  expect(chat).toMatchObject({ by: "us", secured: "known", path: "relayed" });
  caller.type("/verified", "/verify");
  await caller.line(/"event":"failed".*Compare first/);
  const words = JSON.parse(await caller.line(/"event":"words"/)) as { own: string; theirs: string };
  again.type("/verify");
  await again.says("Then type /verified.");
  expect(again.stderr).toContain(`  Alice: ${words.theirs}\n  Bob: ${words.own}\n`);
  caller.type("/verified", "/quit");
  await caller.line(/"event":"verified"/);
  expect([await again.exit(), await caller.exit()]).toEqual([0, 0]);
  expect(again.stderr).not.toContain("The call now goes");
  expect(readFileSync(world.path("Bob", "known_keys"), "utf8")).toContain("alice verified");
});

test("a registry that was away at first is recognized later: the call is protected", async () => {
  await using world = await new World(base).start();
  const { port } = world;
  await world.kill();
  const alice = world.peer("Alice");
  alice.type("/register");
  await alice.line(/Register failed: cannot connect/);
  await world.start(port);
  alice.type("/register", "/bridge");
  await alice.line("Alice IN WAIT MODE");
  const bob = world.peer("Bob");
  bob.type("/register", "/bridge Alice", "/chat", "one");
  await alice.line("Bob> one");
  await alice.says("Protected by TLS");
});

test("no text of the call is readable on the wire, and a relay of the bytes does no harm", async () => {
  await using world = await new World(base).startHere();
  const alice = await world.waiting("Alice");
  const port = portOf(alice.lines[0] ?? "");
  let wire = "";
  const relay = createServer((inside) => {
    const on = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [inside, on],
      [on, inside],
    ] as const) {
      one.on("error", () => {}).on("close", () => other.destroy());
      one.on("data", (bytes) => {
        wire += bytes.toString("latin1");
        other.write(bytes);
      });
    }
  });
  // The registry's answer, as if a router forwarded the connection.
  const { key } = openIdentity(world.path("Alice", "identity"));
  const at = { id: "Alice", ip: "127.0.0.1", port: await listening(relay) };
  await world.ask(withHeader(encodeRegister(at), "key", key));
  const bob = world.peer("Bob");
  bob.type("/bridge Alice", "/chat", "a very secret line");
  await alice.line("Bob> a very secret line");
  alice.type("and its answer");
  await bob.line("Alice> and its answer");
  expect(wire.length).toBeGreaterThan(500);
  // Three letters alone would now and then come about by chance.
  for (const secret of ["secret", "answer", "CHAT", "Alice", `"Bob"`, "Bob>"]) {
    expect(wire).not.toContain(secret);
  }
  relay.close();
});

test("a man in the middle with separate TLS sessions is detected: no text is sent, exit 6", async () => {
  await using world = await new World(base).startHere();
  const alice = await world.waiting("Alice");
  const port = portOf(alice.lines[0] ?? "");
  const heard: string[] = [];
  // It forwards all lines, and has separate TLS sessions with both.
  const between = Bun.listen<Socket>({
    hostname: "127.0.0.1",
    port: 0,
    tls: await createKeyPair(Date.now()),
    socket: {
      open(socket) {
        const on = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
        on.on("error", () => {}).on("close", () => socket.end());
        on.on("data", (bytes: Buffer) => void socket.write(bytes));
        socket.data = on;
      },
      data(socket, bytes) {
        heard.push(bytes.toString());
        socket.data.write(bytes);
      },
      close: (socket) => void socket.data.destroy(),
    },
  });
  const { key } = openIdentity(world.path("Alice", "identity"));
  const at = { id: "Alice", ip: "127.0.0.1", port: between.port };
  await world.ask(withHeader(encodeRegister(at), "key", key));
  const bob = world.peer("Bob");
  bob.type("/bridge Alice", "/chat", "secret");
  bob.endInput();
  expect(await bob.exit()).toBe(6);
  expect(bob.lines.join("\n")).toContain(
    "Alice was not called: its signature is not for this connection: somebody may be in between",
  );
  expect(heard.join("")).not.toMatch(/\bBob\b/);
  between.stop(true);
});

test("a changed key is refused by the caller and by the callee", async () => {
  await using world = await new World(base).startHere();
  const alice = await world.waiting("Alice");
  const bob = world.peer("Bob");
  bob.type("/bridge Alice", "/chat", "hello");
  await alice.line("Bob> hello");
  bob.type("/quit");
  expect([await alice.exit(), await bob.exit()]).toEqual([0, 0]);
  // A stranger in Alice's place.
  const eve = await world.waiting("Alice", "Eve");
  const caller = world.peer("Bob");
  caller.type("/bridge Alice");
  caller.endInput();
  expect(await caller.exit()).toBe(6);
  const said = caller.lines.join("\n");
  expect(said).toContain("Alice has a different key from the one that you know");
  expect(said).toContain(world.path("Bob", "known_keys"));
  eve.signal("SIGTERM");
  await eve.exit();
  // A stranger who calls as Bob.
  const again = await world.waiting("Alice");
  const impostor = world.peer("Bob", "Eve2");
  impostor.type("/bridge Alice");
  impostor.endInput();
  expect(await impostor.exit()).toBe(6);
  await again.says("was rejected", "Bob has a different key from the one that you know");
  expect(again.lines.at(-1)).toBe("Alice IN WAIT MODE");
});

test("nobody can downgrade a call with a known peer to plain text", async () => {
  await using world = await new World(base).startHere();
  const alice = await world.waiting("Alice");
  const bob = world.peer("Bob");
  bob.type("/register", "/bridge Alice", "/chat", "hello");
  await alice.line("Bob> hello");
  bob.type("/quit");
  expect([await alice.exit(), await bob.exit()]).toEqual([0, 0]);
  // An original program in Alice's place, without a key in the registry.
  let heard = "";
  const old = createServer((socket) => {
    socket.on("error", () => {}).on("data", (bytes) => (heard += bytes.toString("latin1")));
  });
  await world.ask(encodeRegister({ id: "Alice", ip: "127.0.0.1", port: await listening(old) }));
  const caller = world.peer("Bob");
  caller.type("/bridge Alice", "/chat", "a secret");
  await caller.line(/^Bridge request failed: cannot reach Alice/);
  caller.type("/quit");
  await caller.exit();
  expect(heard).not.toContain("a secret");
  expect(heard).not.toContain("CHAT");
  old.close();
  // An original program that calls as Bob.
  const again = await world.waiting("Alice");
  const socket = connect(portOf(again.lines[0] ?? ""), "127.0.0.1");
  socket.write(encodeChat({ id: "Bob", ip: "127.0.0.1", port: 9 }, "it is me"));
  await again.line(/called as Bob without the key that you know Bob by, and was rejected/);
  expect(again.lines.join("\n")).not.toContain("it is me");
  socket.destroy();
});

test("an original program receives exactly the same bytes as ever", async () => {
  await using world = await new World(base).startHere();
  let heard = "";
  const zed = createServer((socket) => {
    socket
      .on("error", () => {})
      .on("data", (bytes) => {
        heard += bytes.toString("latin1");
        if (heard.endsWith("\r\n\r\n") && !heard.includes("/quit")) {
          socket.write(encodeChat({ id: "Zed", ip: "127.0.0.1", port: 9 }, "Hi"));
        }
      });
  });
  await world.ask(encodeRegister({ id: "Zed", ip: "127.0.0.1", port: await listening(zed) }));
  const bob = world.peer("Bob");
  const running = await bob.line(/ running on /);
  bob.type("/register", "/bridge Zed", "/chat", "Hello", "/send nothing");
  await bob.line("Zed> Hi");
  bob.type("/quit");
  expect(await bob.exit()).toBe(0);
  const self = { id: "Bob", ip: "127.0.0.1", port: portOf(running) };
  const quit = encodeChat(self, "/quit");
  expect(heard).toBe(encodeChat(self, "Hello") + quit + quit);
  expect(bob.stderr).toContain("/send works in a call with another parley alone");
  // To others its registration looks the same as ever.
  expect(await world.ask(encodeBridge("Zed", "Bob"))).toBe(
    `BRIDGEACK\r\nclientID: Bob\r\nIP: 127.0.0.1\r\nPort: ${self.port}\r\nStatus: registered\r\n\r\n`,
  );
  zed.close();
});

test("files are sent over the call, from both ends, sealed; a pipe waits for them", async () => {
  await using world = await new World(base).startHere();
  const content = Buffer.from(noise(2_000_000));
  writeFileSync(join(base, "a.bin"), content);
  mkdirSync(join(base, "photos", "empty"), { recursive: true });
  writeFileSync(join(base, "photos", "one.txt"), "one");
  const alice = await world.waiting("Alice", "Alice", "--json");
  const bob = world.peer("Bob", "Bob");
  // It has not said anything yet.
  bob.type("/bridge Alice", "/chat", `/send ${join(base, "a.bin")} ${join(base, "photos")}`);
  bob.endInput();
  const offered = JSON.parse(await alice.line(/"offer-received"/)) as Record<string, unknown>;
  const offer = { id: 1, from: "Bob", files: 2, size: 2_000_003, sealed: true, verified: false };
  expect(offered).toMatchObject(offer);
  alice.type("/get 1");
  expect(await bob.exit()).toBe(0);
  const received = JSON.parse(await alice.line(/"event":"received"/)) as Record<string, unknown>;
  expect(received).toMatchObject({ files: 2, failed: 0 });
  expect(["direct", "call"]).toContain(String(received["path"]));
  expect(readFileSync(world.path("Alice", "a.bin")).equals(content)).toBe(true);
  expect(readFileSync(world.path("Alice", "photos", "one.txt"), "utf8")).toBe("one");
  expect(existsSync(world.path("Alice", "photos", "empty"))).toBe(true);
  expect(bob.stderr).toContain("Alice has received 2 files, 2.00 MB");
  expect(await alice.exit()).toBe(0);
  // In the other direction, and declined.
  const called = await world.waiting("Alice");
  const caller = world.peer("Bob");
  caller.type("/bridge Alice", "/chat", "hello");
  await called.line("Bob> hello");
  called.type(`/send ${join(base, "a.bin")}`);
  await caller.until(
    () => caller.stderr.includes("Alice offers 1 file, 2.00 MB: 'a.bin'"),
    "the offer",
  );
  caller.type("/decline 1");
  await called.says("Bob declined it");
  called.type("still here");
  await caller.line("Alice> still here");
  expect(existsSync(world.path("Bob", "a.bin"))).toBe(false);
});

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.on("error", () => {}).once("close", () => resolve()));
}

test("garbage, inside TLS or instead of it, disturbs nobody", async () => {
  await using world = await new World(base).startHere();
  const alice = await world.waiting("Alice");
  const port = portOf(alice.lines[0] ?? "");
  for (const first of [[0x16], [0x16, 3, 1], [0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5], [0x16, 255, 255]]) {
    const socket = connect(port, "127.0.0.1");
    const gone = ended(socket);
    socket.end(Buffer.concat([Buffer.from(first), noise(first.length < 4 ? 0 : 2_000)]));
    await gone;
  }
  for (const line of [
    "{}",
    "GET / HTTP/1.1\r\n",
    '{"type":"cpp","data":"CHAT"}',
    "x".repeat(200_000),
  ]) {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
    const gone = ended(socket);
    socket.write(`${line}\n`);
    socket.resume();
    await gone;
  }
  const said = () => alice.stderr.match(/A call from 127\.0\.0\.1 was rejected/g)?.length ?? 0;
  await alice.until(() => said() === 4, "four of them");
  const bob = world.peer("Bob");
  bob.type("/bridge Alice", "/chat", "still there?");
  await alice.line("Bob> still there?");
});

test("a second caller is busy, and --turns takes turns", async () => {
  await using world = await new World(base).startHere();
  const alice = await world.waiting("Alice");
  const bob = world.peer("Bob", "Bob", "--turns");
  bob.type("/bridge Alice", "/chat", "hi");
  await alice.line("Bob> hi");
  await alice.line("IN WRITE MODE");
  const eve = world.peer("Eve");
  eve.type("/bridge Alice", "/chat", "me too");
  expect(await eve.exit()).toBe(4);
  expect(eve.stderr).toContain("Busy: the peer is in another chat");
  // A caller that only connects is not remembered.
  const known = readFileSync(world.path("Alice", "known_keys"), "utf8");
  expect(known).toContain("bob met");
  expect(known).not.toContain("eve");
  alice.type("still here");
  await bob.line("Alice> still here");
});

test("peers that can't connect to each other talk through the server: far more than fits into it", async () => {
  await using world = await new World(base).startHere();
  const alice = await world.waiting("Alice");
  await hide(world);
  const bob = world.peer("Bob");
  const text = "x".repeat(1_000);
  const lines = Array.from({ length: 5_000 }, (_, n) => `${n} ${text}`);
  bob.type("/bridge Alice", "/chat", ...lines);
  bob.endInput();
  expect(await bob.exit()).toBe(0);
  expect(await alice.exit()).toBe(0);
  const heard = alice.lines.filter((line) => line.startsWith("Bob> "));
  expect(heard.length).toBe(lines.length);
  expect(bob.stderr).toContain("The call goes through the server, which can't read it");
  // Both are on one machine.
  expect(bob.stderr).toContain("The call now goes directly, on this machine");
});
