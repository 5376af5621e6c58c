// One connection of the server with a fake socket and clock: protocol detection, framing, and
// timeouts. Times are exact; nothing waits.

import { describe, expect, test } from "bun:test";
import { ownerAt, ownerOfAccount } from "../../src/share-owner.ts";
import { nativeDialect } from "../../src/dialects/native/native.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { ircDialect } from "../../src/dialects/irc/irc.ts";
import { dialects } from "../../src/dialects/table.ts";
import { reading, connections as limits, message, output, sniff, tls } from "../../src/limits.ts";
import { ChatConnection, type Security, type Wire } from "../../src/server/chat-connection.ts";
import { type ConnectionOptions, type PortProtocol } from "../../src/server/chat-connection.ts";
import type { ConnectionDriver } from "../../src/server/hub-driver.ts";
import { ReadingTurns } from "../../src/server/reading-turns.ts";
import { Admission } from "../../src/server/admission.ts";
import { RegistryConnection } from "../../src/cpp/registry-connection.ts";
import { Registry } from "../../src/cpp/registry.ts";
import { createMetrics } from "../../src/chat/metrics/metrics.ts";
import { memberNames } from "../chat/inspect.ts";
import { Rig } from "../chat/rig.ts";
import { keepingLog, type Logged } from "../silent-log.ts";

const irc = ircDialect({
  name: "irc.test",
  network: "test",
  log: "log",
  version: "1",
  sts: () => undefined,
});

const native = nativeDialect({ name: "test", udpPort: 1, messagesPerSecond: 100 });
const any: PortProtocol = { kind: "any", native, irc, text: openChat };
const hello = '{"type":"hello","version":2,"name":"Nat"}\n';

/** Passes events on at the rig's time, like the server's driver at the clock's. */
function driverOf(rig: Rig): ConnectionDriver {
  const { hub } = rig;
  return {
    isRunning: true,
    handleConnect: (link, dialect, peer) => hub.handleConnect(link, dialect, peer, rig.nowMs),
    handleMessage(session, message, nowMs) {
      hub.handleMessage(session, message, nowMs);
      rig.pump();
    },
    handleOverflow: (session) => hub.handleOverflow(session, rig.nowMs),
    handleDrain: (session) => hub.handleDrain(session, rig.nowMs),
    handleInputEnd: (session) => hub.handleInputEnd(session, rig.nowMs),
    handleLastInput: (session) => hub.handleLastInput(session, rig.nowMs),
    handleClose: (session, reason) => hub.handleClose(session, reason, rig.nowMs),
  };
}

/** Bytes that need not be UTF-8. */
const latin1 = (text: string) => Buffer.from(text, "latin1");

/** A connection to its own server, recording everything sent to its socket. */
class Caller implements Wire {
  readonly metrics = createMetrics();
  readonly rig = new Rig({ metrics: this.metrics });
  readonly registry = new Registry();
  readonly #kept = keepingLog();
  readonly logged = this.#kept.logged;
  readonly connection: ChatConnection;
  heard = "";
  over: "" | "end" | "abort" = "";
  timeoutSeconds = 0;
  #undecided = false;

  isPaused = false;
  /** How often it gave up its place. */
  left = 0;

  constructor(
    protocol: PortProtocol = any,
    security?: Security,
    { address = "127.0.0.1", turns }: { address?: string; turns?: ReadingTurns } = {},
  ) {
    const options: ConnectionOptions = {
      protocol,
      webPort: () => 8_000,
      driver: driverOf(this.rig),
      metrics: this.metrics,
      cpp: () => new RegistryConnection(this.registry, "127.0.0.1"),
      print: (line) => this.rig.log.push(line),
      log: this.#kept.log,
      admission: { move: (_, to) => to, leave: () => void this.left++ },
      turns,
    };
    const undecided = {
      add: () => (this.#undecided = true),
      delete: () => (this.#undecided = false),
    };
    const peer = { address, port: 40_000 };
    this.connection = new ChatConnection(this, peer, options, undecided, security);
    this.connection.opened(this.rig.nowMs);
    this.rig.settle();
  }

  static at(name: string): Caller {
    const entry = dialects[name];
    if (entry === undefined || entry.transport === "udp") throw new Error(`no dialect ${name}`);
    return new Caller({ kind: "dialect", dialect: entry.dialect });
  }

  /** Whether a timeout may still decide the protocol. */
  get waits(): boolean {
    return this.#undecided;
  }

  get names(): string[] {
    return memberNames(this.rig.hub);
  }

  send(...reads: (string | Uint8Array)[]): this {
    for (const read of reads) {
      const bytes = Buffer.from(read);
      this.connection.received(bytes, this.rig.nowMs);
      // The reader's buffer is used again.
      bytes.fill(0x58);
    }
    this.rig.settle();
    return this;
  }

  /** Lets time pass, for the port's timer and the hub's. */
  wait(ms: number): this {
    const { rig } = this;
    for (const endMs = rig.nowMs + ms; rig.nowMs < endMs;) {
      rig.nowMs = Math.min(endMs, rig.nowMs + 10);
      if (this.#undecided) this.connection.decide(rig.nowMs);
      rig.hub.handleTimeout(rig.nowMs);
      rig.settle();
    }
    return this;
  }

  fin(): this {
    this.connection.ended(this.rig.nowMs);
    this.rig.settle();
    return this.wait(limits.afterFinMs + 20);
  }

  write(bytes: string | Uint8Array): number {
    this.heard += Buffer.from(bytes).toString();
    return Buffer.byteLength(bytes);
  }

  end(): void {
    this.over = "end";
  }

  terminate(): void {
    this.over = "abort";
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  timeout(seconds: number): void {
    this.timeoutSeconds = seconds;
  }
}

describe("framing", () => {
  test("a line end in the first message immediately means lines", () => {
    const ann = new Caller().send("Ann\nhi\nthe");
    expect(ann.waits).toBe(false);
    expect(ann.heard).toBe("Ann has joined the chat!\nALL \nAnn: hi\n");
    ann.send("re\n");
    expect(ann.heard).toEndWith("Ann: there\n");
  });

  test("the first message may arrive in pieces", () => {
    const ann = new Caller().send("A").wait(20).send("n", "n").wait(20).send("\r\nhi\r\n");
    expect(ann.heard).toBe("Ann has joined the chat!\nALL \nAnn: hi\n");
  });

  test("after 50 ms without one, each read is a message, including earlier ones", () => {
    const ann = new Caller().send("Ann", "hi");
    ann.wait(sniff.unframedAfterMs - 1);
    expect(ann.names).toEqual([]);
    ann.wait(1).wait(4 * output.unframedGapMs);
    expect(ann.names).toEqual(["Ann"]);
    expect(ann.heard).toBe("Ann has joined the chat!ALL Ann: hi");
    ann.send("a\nb").wait(100);
    expect(ann.heard).toEndWith("Ann: a b");
  });

  test("a decision is final, and characters are never split", () => {
    const ann = new Caller().send("Ann").wait(200);
    const bytes = Buffer.from("🎈");
    ann.send(bytes.subarray(0, 3), bytes.subarray(3)).wait(100);
    expect(ann.heard).toEndWith("Ann: 🎈");
    ann.send("\n", "x\n").wait(100);
    expect(ann.heard).toEndWith("Ann: 🎈Ann: x");
  });

  test("a dialect's own port decides the same way, and greets first", () => {
    const framed = Caller.at("select-chat").wait(100).send("Ann\nAnn - x\n").wait(100);
    expect(framed.heard).toStartWith("welcome to the chat\nenter name: ");
    expect(framed.heard).toContain("__users__ Ann\n");
    const unframed = Caller.at("select-chat").wait(100).send("Ann").wait(100);
    expect(unframed.names).toEqual(["Ann"]);
  });

  test("a line over the limit closes the connection with an error message", () => {
    const ann = new Caller().send("Ann\n", "x".repeat(message.maxLineBytes), "xx");
    expect(ann.heard).toContain(`longer than ${message.maxLineBytes} bytes`);
    expect(ann.over).toBe("end");
    expect(ann.send("more\n").heard).not.toContain("more");
  });

  test("a line over the limit does so in the small dialects, too", () => {
    const ann = Caller.at("calculator").send("Ann\n", "1".repeat(message.maxLineBytes), "11");
    expect(ann.heard).toBe(`The message is longer than ${message.maxLineBytes} bytes\n`);
    expect(ann.over).toBe("end");
    const nobody = Caller.at("greeting").send("x".repeat(message.maxLineBytes), "xx");
    expect([nobody.heard, nobody.over]).toEqual(["Send «Knock knock..» to be answered", "end"]);
  });
});

describe("half-closed", () => {
  test("earlier input is answered, including a last line without an end", () => {
    const ann = new Caller().send("Ann\nhello").fin();
    expect(ann.heard).toBe("Ann has joined the chat!\nALL \nAnn: hello\n");
    expect(ann.over).toBe("end");
    expect(ann.names).toEqual([]);
  });

  test("a name alone, without a line end", () => {
    const ann = new Caller().send("Ann").fin();
    expect(ann.heard).toStartWith("Ann has joined the chat!");
    expect(ann.over).toBe("end");
  });

  test("no input at all", () => {
    const nobody = new Caller().fin();
    expect([nobody.heard, nobody.over]).toEqual(["", "end"]);
  });

  test("half a request", () => {
    const half = new Caller().send("REGISTER\r\nclientID: A\r\n").fin();
    expect([half.heard, half.over]).toEqual(["Un expected message\n", "end"]);
  });

  test("a native session", () => {
    const nat = new Caller().send(`${hello}{"type":"say","n":1,"text":"x"}\n`).fin();
    expect(nat.heard).toContain('{"type":"ack","n":1');
    expect(nat.over).toBe("end");
  });
});

describe("silence", () => {
  test("a person at nc is prompted once after a second, and given a minute", () => {
    const nell = new Caller().wait(sniff.promptAfterMs - 10);
    expect(nell.heard).toBe("");
    nell.wait(10);
    expect(nell.heard).toBe("Enter your name: ");
    expect([nell.waits, nell.timeoutSeconds]).toEqual([false, limits.loginTimeoutMs / 1_000]);
    nell.wait(5_000).send("Nell\n");
    expect(nell.heard).toBe("Enter your name: Nell has joined the chat!\nALL \n");
    expect(nell.timeoutSeconds).toBe(0);
  });

  test("a program that speaks after the prompt gets lines of its own", () => {
    const nat = new Caller().wait(sniff.promptAfterMs).send(hello);
    expect(nat.heard).toStartWith('Enter your name: \r\n{"type":"welcome"');
    const irc = new Caller().wait(sniff.promptAfterMs).send("NICK Ira\r\nUSER i 0 * :I\r\n");
    expect(irc.heard).toStartWith("Enter your name: \r\n:");
  });

  test("telnet's commands are neither a name nor text, and are refused", () => {
    const tel = new Caller().send(latin1("\xff\xfb\x1f")).wait(sniff.promptAfterMs);
    // Two bytes of the answer are not UTF-8.
    expect(tel.heard).toBe("\ufffd\ufffd\x1fEnter your name: ");
    tel.send("Tel\r\n").send(latin1("hi\xff\xf4\xff"), latin1("\xfd\x06 all\r\n"));
    expect(tel.heard).toEndWith("ALL \n\ufffd\ufffd\x06Tel: hi all\n");
    tel.send(Buffer.alloc(sniff.maxTelnetBytes / 2, latin1("\xff\xf1")));
    expect(tel.over).toBe("");
    tel.send(Buffer.alloc(sniff.maxTelnetBytes / 2, latin1("\xff\xf1")));
    expect(tel.over).toBe("abort");
  });

  test("without a name a minute later the connection is closed", () => {
    const nobody = new Caller().wait(2_000);
    nobody.connection.timedOut();
    expect(nobody.heard).toEndWith("You did not log in within 60 s: connect again\n");
    expect(nobody.over).toBe("end");
    const named = Caller.at("line-chat").wait(limits.loginTimeoutMs + 2_500);
    expect(named.heard).toContain("You did not log in within 60 s: connect again");
    expect(named.over).toBe("end");
  });

  test("the calculator waits a minute for a name, and then forever", () => {
    const nobody = Caller.at("calculator").wait(limits.loginTimeoutMs + 2_500);
    expect(nobody.heard).toBe("You did not log in within 60 s: connect again");
    expect(nobody.over).toBe("end");
    const ann = Caller.at("calculator")
      .send("Ann\n")
      .wait(10 * limits.loginTimeoutMs);
    expect([ann.send("1 + 1\n").heard, ann.over]).toEqual(["2.0\n", ""]);
  });

  test("half a CPP request is not waited for either", () => {
    for (const caller of [new Caller(), new Caller({ kind: "cpp" })]) {
      caller.send("REGISTER\r\n");
      expect(caller.timeoutSeconds).toBe(limits.loginTimeoutMs / 1_000);
      caller.connection.timedOut();
      expect([caller.heard, caller.over]).toEqual(["Un expected message\n", "end"]);
    }
  });

  test("a client with a name may be silent forever", () => {
    const ann = new Caller().send("Ann\n").wait(10 * limits.loginTimeoutMs);
    expect([ann.over, ann.names]).toEqual(["", ["Ann"]]);
  });
});

describe("protocols", () => {
  test("native, whole and byte by byte", () => {
    expect(new Caller().send(hello).heard).toContain('"type":"welcome"');
    expect(new Caller().send(...hello).heard).toContain('"type":"welcome"');
    expect(new Caller().send('{"type":"hel').wait(5_000).send(hello.slice(12)).heard).toContain(
      '"type":"welcome"',
    );
  });

  test("a user's name may look like the start of a native line", () => {
    expect(new Caller().send("{quit}\n").over).toBe("end");
  });

  test("CPP, whole and byte by byte, one answer and the end", () => {
    const register = "REGISTER\r\nclientID: Al\r\nIP: 127.0.0.1\r\nPort: 5555\r\n\r\n";
    for (const reads of [[register], Array.from(register), [register, register]]) {
      const al = new Caller().send(...reads);
      expect(al.heard).toMatch(/^REGACK\r\nclientID: Al\r\n.*registered\r\n\r\n$/s);
      expect(al.over).toBe("end");
      expect(al.rig.log).toEqual(["REGISTER: Al from 127.0.0.1:5555 received"]);
    }
  });

  test("a browser gets one answer on every port, and never reaches the chat", () => {
    const evil = "POST / HTTP/1.1\r\nHost: x\r\n\r\nMallory\nhi\n";
    const names = ["open-chat", "chat-room", "line-chat", "select-chat", "calculator", "greeting"];
    for (const caller of [new Caller(), ...names.map((name) => Caller.at(name))]) {
      caller.send(evil, "Mallory\n", "hi\n").wait(500);
      expect(caller.heard).toContain("HTTP/1.1 400 Bad Request\r\n");
      expect([caller.over, caller.names]).toEqual(["end", []]);
    }
  });

  test("refusals and requests to the registry are logged", () => {
    const place = { address: "127.0.0.1", port: 40_000, tls: false };
    const refused = (reason: string): Logged => ({
      level: "info",
      message: "connection refused",
      fields: { ...place, reason },
    });
    expect(new Caller().send("GET / HTTP/1.1\r\n\r\n").logged).toEqual([
      refused("foreign protocol"),
    ]);
    const stranger = { admitsPlain: false };
    expect(new Caller(any, stranger).send("Ann\n").logged).toEqual([refused("plain text")]);
    const cpp = { ...place, dialect: "cpp" };
    const register = "REGISTER\r\nclientID: Al\r\nIP: 127.0.0.1\r\nPort: 5555\r\n\r\n";
    expect(new Caller().send(register).logged).toEqual([
      { level: "info", message: "connected", fields: cpp },
      { level: "info", message: "registered", fields: { ...cpp, id: "Al" } },
    ]);
    expect(new Caller().send("REGISTER\r\nrubbish\r\n\r\n").logged.at(-1)).toEqual({
      level: "info",
      message: "request refused",
      fields: { ...cpp, id: undefined },
    });
  });

  test("a member may talk about HTTP", () => {
    const emil = Caller.at("line-chat").send("Emil\n", "GET / HTTP/1.1\n");
    expect([emil.over, emil.names]).toEqual(["", ["Emil"]]);
  });
});

/**
 * A client on a network that is read in turns, and a function to let a window pass. The clock, too,
 * advances by `lineMs` with each line.
 */
function crowded(lineMs = 0): { caller: Caller; pass: () => void } {
  let nowMs = 0;
  const later: (() => void)[] = [];
  const turns = new ReadingTurns(
    () => (nowMs += lineMs),
    (run) => later.push(run),
  );
  const caller = new Caller(any, undefined, { address: "192.0.2.1", turns });
  const pass = (): void => {
    nowMs += reading.windowMs;
    for (const run of later.splice(0)) run();
    caller.rig.settle();
  };
  return { caller, pass };
}

/** Numbers of the messages that a caller has received. */
function heardBy(caller: Caller): number[] {
  return Array.from(caller.heard.matchAll(/"text":"(\d+) x/g), ([, n]) => Number(n));
}

describe("a connection whose network has used up its turn", () => {
  test("reads no more from its socket until its turn, and then in order, to the end", () => {
    const { caller, pass } = crowded();
    caller.send('{"type":"hello","version":2,"name":"Ann"}\n');
    const said = Array.from({ length: 400 }, (_, i) =>
      JSON.stringify({ type: "say", text: `${i + 1} ${"x".repeat(1_000)}` }),
    );
    caller.send(`${said.join("\n")}\n`);
    expect(caller.isPaused).toBe(true);
    const first = heardBy(caller).length;
    expect(first).toBeGreaterThan(20);
    expect(first).toBeLessThan(100);
    // The last line arrives with the FIN, before its turn.
    caller.send('{"type":"say","text":"401 x"}\n');
    caller.connection.ended(caller.rig.nowMs);
    expect(caller.names).toEqual(["Ann"]);
    for (let i = 0; i < 20; i++) pass();
    expect(caller.isPaused).toBe(false);
    expect(heardBy(caller)).toEqual(Array.from({ length: 401 }, (_, i) => i + 1));
    caller.wait(limits.afterFinMs + 20);
    expect(caller.names).toEqual([]);
  });

  test("reads a line that is longer than a turn in one turn: it counts once it is complete", () => {
    const { caller } = crowded();
    caller.send(hello);
    const frame = "A".repeat(2 * reading.sliceBytes);
    caller.send(`{"type":"pass","offer":"${"A".repeat(22)}","channel":1,"data":"${frame}"}\n`);
    expect(caller.isPaused).toBe(false);
    caller.send('{"type":"ping","ref":1}\n');
    expect(caller.isPaused).toBe(true);
  });

  test("is interrupted between two lines of one read, and goes on there", () => {
    const { caller, pass } = crowded(1);
    const said = Array.from({ length: 60 }, (_, i) =>
      JSON.stringify({ type: "say", text: `${i + 1} xé` }),
    );
    // TELNET's IAC IP: from then on, its commands are removed.
    caller.send(Buffer.concat([latin1("\xff\xf4"), Buffer.from(`${hello}${said.join("\n")}\n`)]));
    expect(heardBy(caller).length).toBeLessThan(5);
    expect(caller.isPaused).toBe(true);
    let most = 0;
    for (let i = 0; i < 100 && caller.connection.hasUnread; i++) {
      const before = heardBy(caller).length;
      pass();
      most = Math.max(most, heardBy(caller).length - before);
    }
    expect(most).toBeLessThan(5);
    expect(caller.isPaused).toBe(false);
    expect(heardBy(caller)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });

  for (const how of ["lost", "closed after FIN"]) {
    test(`is read to its end after it was ${how}`, () => {
      const { caller, pass } = crowded(1);
      const { rig, connection } = caller;
      const bob = rig.member("Bob");
      const said = Array.from({ length: 60 }, (_, i) =>
        JSON.stringify({ type: "say", text: `${i + 1} x` }),
      );
      // Of a line without an end, the client may have sent only a part, unless it sent FIN.
      const last = JSON.stringify({ type: "say", text: "61 x" });
      caller.send(`${hello}${said.join("\n")}\n${last}`);
      if (how !== "lost") connection.ended(rig.nowMs);
      expect(connection.hasUnread).toBe(true);
      connection.closed(rig.nowMs);
      for (let i = 0; i < 100 && connection.hasUnread; i++) pass();
      caller.wait(limits.afterFinMs + 20);
      const heard = Array.from(bob.text().matchAll(/"text":"(\d+) x/g), ([, n]) => Number(n));
      expect(heard).toEqual(Array.from({ length: how === "lost" ? 60 : 61 }, (_, i) => i + 1));
      expect(caller.names).toEqual(["Bob"]);
      expect(caller.left).toBe(1);
    });
  }

  test("counts until it has been read, and is then forgotten", () => {
    const { caller, pass } = crowded();
    caller.send(hello, '{"type":"ping"}\n'.repeat(20_000));
    caller.connection.closed(caller.rig.nowMs);
    expect([caller.connection.hasUnread, caller.left]).toEqual([true, 0]);
    for (let i = 0; i < 1_000 && caller.connection.hasUnread; i++) pass();
    caller.wait(20_000);
    expect([caller.connection.hasUnread, caller.left]).toEqual([false, 1]);
    expect(caller.names).toEqual([]);
  });

  test("is released if it has closed before it could begin TLS", () => {
    const later: (() => void)[] = [];
    let nowMs = 0;
    const turns = new ReadingTurns(
      () => nowMs,
      (run) => later.push(run),
    );
    const address = "192.0.2.1";
    const flood = { hasUnread: true, readSome: () => ((flood.hasUnread = false), 1e6) };
    turns.read(ownerAt(address), flood);
    const upgraded: Uint8Array[] = [];
    const upgrade = (first: Uint8Array) => void upgraded.push(first);
    const caller = new Caller(any, { admitsPlain: false, upgrade }, { address, turns });
    caller.send(Uint8Array.from([0x16, 0x03, 0x01, 0x00, 0x05]));
    caller.connection.closed(caller.rig.nowMs);
    expect([caller.connection.hasUnread, caller.left]).toEqual([true, 0]);
    for (nowMs = reading.windowMs; later.length > 0; nowMs += reading.windowMs) later.shift()?.();
    expect([caller.connection.hasUnread, caller.left, upgraded]).toEqual([false, 1, []]);
    expect(caller.waits).toBe(false);
  });

  test("is not read any more once the server has ended it", () => {
    const { caller, pass } = crowded();
    caller.send(hello, "x\n".repeat(200_000));
    caller.connection.abort();
    caller.connection.closed(caller.rig.nowMs);
    expect([caller.connection.hasUnread, caller.left]).toEqual([false, 1]);
    pass();
    expect(caller.names).toEqual([]);
  });
});

describe("admission", () => {
  test("a user who has proved an account makes room for others of the network", () => {
    const admission = new Admission(2);
    const network = ownerAt("192.0.2.1");
    const people = Array.from({ length: 8 }, (_, i) => ownerOfAccount(`p${i}`, "192.0.2.1"));
    for (const person of people) {
      expect(admission.enter("192.0.2.1")).toBeUndefined();
      expect(admission.move(network, person)).toBe(person);
    }
    // Many accounts of one network count as sharesPerNetwork networks.
    expect(admission.enter("192.0.2.1")).toBeUndefined();
    expect(admission.move(network, ownerOfAccount("p8", "192.0.2.1"))).toBe(network);
    for (const person of people) admission.leave(person);
    admission.leave(network);
    expect(admission.total).toBe(0);
    expect(admission.enter("192.0.2.1")).toBeUndefined();
    expect(admission.move(network, people[0]!)).toBe(people[0]!);
    // An account has as many connections as an address, from anywhere.
    for (const address of ["192.0.2.2", "192.0.2.3"]) {
      expect(admission.enter(address)).toBeUndefined();
      const owner = ownerOfAccount("p0", address);
      const isCounted = address === "192.0.2.2";
      expect(admission.move(ownerAt(address), owner)).toEqual(isCounted ? owner : ownerAt(address));
    }
  });

  test("limits one address, but not this machine", () => {
    const admission = new Admission(2);
    expect([1, 2].map(() => admission.enter("192.0.2.1"))).toEqual([undefined, undefined]);
    expect(admission.enter("192.0.2.1")).toBe(
      "192.0.2.1 already has 2 connections: close one first",
    );
    expect(admission.enter("192.0.2.2")).toBeUndefined();
    for (let i = 0; i < 100; i++) expect(admission.enter("127.0.0.1")).toBeUndefined();
    for (let i = 0; i < 100; i++) expect(admission.enter("::1")).toBeUndefined();
    admission.leave(ownerAt("192.0.2.1"));
    expect(admission.enter("192.0.2.1")).toBeUndefined();
  });

  test("counts an IPv6 network as one address", () => {
    const admission = new Admission(2);
    expect(admission.enter("2001:db8:1:2::1")).toBeUndefined();
    expect(admission.enter("2001:db8:1:2:ffff::1")).toBeUndefined();
    expect(admission.enter("2001:db8:1:2::2")).toBe(
      "2001:db8:1:2::/64 already has 2 connections: close one first",
    );
    expect(admission.enter("2001:db8:1:3::1")).toBeUndefined();
    expect(admission.total).toBe(3);
    admission.leave(ownerAt("2001:db8:1:2::1"));
    expect(admission.enter("2001:db8:1:2::2")).toBeUndefined();
  });

  test("does not mistake the networks of one /48 for many strangers", () => {
    const admission = new Admission(64);
    let admitted = 0;
    for (let network = 0; network < 4_000; network++) {
      const address = `2001:db8:1:${network.toString(16)}::1`;
      if (admission.enter(address) === undefined) admitted++;
    }
    expect(admitted).toBe(8 * 64);
    expect(admission.enter("2001:db8:1:fff0::1")).toMatch(/^2001:db8:1::\/48 already has 512 /);
    expect(admission.enter("2001:db8:2::1")).toBeUndefined();
  });

  test("refuses connections beyond the number it tracks, and counts none of them", () => {
    const admission = new Admission(3);
    admission.enter("192.0.2.1");
    const others = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "127.0.0.1"];
    const excess = admission.excess(others.map((address, port) => ({ address, port })));
    expect(excess).toEqual([{ address: "192.0.2.1", port: 2 }]);
    expect(admission.total).toBe(1);
    expect(admission.excess([{ address: "192.0.2.1" }, { address: "192.0.2.1" }])).toEqual([]);
  });

  test("limits how many connections an address opens, however soon it closes them", () => {
    const admission = new Admission(64);
    const open = (address: string): string | undefined => {
      const refusal = admission.enter(address);
      if (refusal === undefined) admission.leave(ownerAt(address));
      return refusal;
    };
    let opened = 0;
    let refusal: string | undefined;
    while ((refusal = open("192.0.2.1")) === undefined) opened++;
    expect(opened).toBeGreaterThanOrEqual(limits.openedAtOnce);
    expect(opened).toBeLessThan(2 * limits.openedAtOnce);
    expect(refusal).toBe("Too many connections from 192.0.2.1: try again in 1 s");
    expect(open("192.0.2.2")).toBeUndefined();
    for (let i = 0; i < 2 * opened; i++) expect(open("127.0.0.1")).toBeUndefined();
  });

  test("limits the total", () => {
    const admission = new Admission(1);
    for (let i = 0; i < limits.maxTotal; i++) admission.enter("127.0.0.1");
    expect(admission.enter("127.0.0.1")).toBe("The server is full: try again later");
    admission.leave(ownerAt("127.0.0.1"));
    expect(admission.enter("127.0.0.1")).toBeUndefined();
  });
});

test("held bytes are counted once", () => {
  for (const first of ["Ann\nhi\n", hello, "BRIDGE\r\nclientID: A\r\n\r\n"]) {
    const caller = new Caller().send(first).wait(100);
    expect(caller.metrics.receivedBytes).toBe(Buffer.byteLength(first));
  }
});

/** A caller whose port continues in TLS; `inside` is the socket there. */
function secure(admitsPlain = false) {
  const inside = new Caller();
  const first: Uint8Array[] = [];
  const upgrade = (bytes: Uint8Array) => {
    first.push(bytes);
    return inside;
  };
  return { caller: new Caller(any, { admitsPlain, upgrade }), inside, first };
}

describe("TLS", () => {
  const hello = Uint8Array.from([0x16, 0x03, 0x01, 0x00, 0x05]);

  test("takes over with the bytes already read, and the protocol is detected again inside it", () => {
    const { caller, inside, first } = secure();
    caller.send(hello.subarray(0, 1)).wait(1_000).send(hello.subarray(1));
    expect(Buffer.concat(first)).toEqual(Buffer.from(hello));
    caller.send("encrypted: not for us");
    caller.connection.secured(caller.rig.nowMs, "channel");
    caller.send("Ann\nhello\n");
    expect(caller.names).toEqual(["Ann"]);
    expect(caller.connection.peer.tls).toBe(true);
    expect(caller.heard).toBe("");
    expect(inside.heard).toContain("Ann: hello");
  });

  test("has no second layer", () => {
    const { caller, inside, first } = secure();
    caller.send(hello);
    caller.connection.secured(caller.rig.nowMs, "channel");
    caller.send(hello);
    expect(inside.heard).toBe("This port does not speak TLS: connect without it\n");
    expect(first).toHaveLength(1);
  });

  test("a handshake that takes too long is cut off, a complete one is not", () => {
    const { caller, inside } = secure();
    caller.send(hello).wait(tls.handshakeMs - 20);
    expect(inside.over).toBe("");
    caller.wait(40);
    expect(inside.over).toBe("abort");
    const patient = secure();
    patient.caller.send(hello);
    patient.caller.connection.secured(patient.caller.rig.nowMs, "channel");
    patient.caller.wait(2 * tls.handshakeMs);
    expect(patient.inside.over).toBe("");
    expect(patient.inside.heard).toBe("Enter your name: ");
  });

  test("is required: strangers without it are rejected, silent or not", () => {
    const { caller } = secure();
    caller.send("Ann\n");
    expect(caller.heard).toMatch(/^This server requires TLS [^\n]*\n$/);
    expect([caller.over, caller.names]).toEqual(["end", []]);
    const silent = secure().caller.wait(5_000);
    expect([silent.heard, silent.over]).toEqual(["", ""]);
    expect(silent.timeoutSeconds).toBe(limits.loginTimeoutMs / 1000);
    silent.connection.timedOut();
    expect(silent.over).toBe("end");
    const dialect = new Caller({ kind: "dialect", dialect: openChat }, { admitsPlain: false });
    expect([dialect.heard, dialect.over]).toEqual([expect.stringContaining("TLS"), "end"]);
  });

  test("a connection that has closed by then is released", () => {
    const caller = new Caller(any, { admitsPlain: true, upgrade: () => undefined });
    expect(caller.send(hello).over).toBe("abort");
  });
});
