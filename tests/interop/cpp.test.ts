// CPP in use: `parley peer` processes chat through a registry, and foreign programs reach them over
// raw sockets. The registry is either the bare table of src/cpp, for tests that inspect it, or that
// of `parley server`.

import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  type Contact,
  encodeBareChat,
  encodeBridgeAck,
  encodeChat,
  encodeRegister,
} from "../../src/cpp/codec.ts";
import { type RegistryAnswer, RegistryConnection } from "../../src/cpp/registry-connection.ts";
import { Registry } from "../../src/cpp/registry.ts";
import { runOnTerminal } from "../cli/run.ts";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const invalid = "Invalid command. Use /id, /register, /bridge, /chat, or /quit.";

let registry: Registry;
let log: string[];
let server: Bun.TCPSocketListener<RegistryConnection>;
let address: string;

type Socket = Bun.Socket<RegistryConnection>;

function answer(socket: Socket, given: RegistryAnswer): void {
  log.push(...given.log);
  if (given.reply !== undefined) socket.write(given.reply);
  if (given.end) socket.end();
}

beforeEach(() => {
  registry = new Registry();
  log = [];
});

beforeAll(() => {
  server = Bun.listen<RegistryConnection>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = new RegistryConnection(registry, "127.0.0.1");
      },
      data: (socket, bytes) => answer(socket, socket.data.handleData(bytes, performance.now())),
      end: (socket) => answer(socket, socket.data.handleEnd()),
    },
  });
  address = `127.0.0.1:${server.port}`;
});

afterAll(() => server.stop(true));

class Peer extends Parley {
  readonly id: string;

  constructor(id: string, ...flags: readonly string[]) {
    super("peer", `--id=${id}`, "--port", "0", "--server", address, ...flags);
    this.id = id;
  }

  /** Its address, taken from its first line. */
  async contact(): Promise<Contact> {
    const line = await this.line(/ running on /);
    const port = Number(line.split(":").at(-1));
    expect(line).toBe(`${this.id} running on 127.0.0.1:${port}`);
    return { id: this.id, ip: "127.0.0.1", port };
  }
}

/**
 * A foreign program's socket to `port`; what it receives is collected until the other side ends.
 */
async function foreign(port: number) {
  let received = "";
  const closed = Promise.withResolvers<string>();
  const waiting: (() => void)[] = [];
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, bytes) {
        received += bytes.toString();
        for (const resume of waiting.splice(0)) resume();
      },
      close: () => closed.resolve(received),
    },
  });
  return {
    send: (text: string) => void socket.write(text),
    hangUp: () => socket.end(),
    vanish: () => socket.terminate(),
    ended: closed.promise,
    async receives(text: string): Promise<void> {
      while (!received.includes(text)) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

async function ask(wire: string, port = server.port): Promise<string> {
  const client = await foreign(port);
  client.send(wire);
  return client.ended;
}

function registerAlice(port: number): string {
  return encodeRegister({ id: "Alice", ip: "127.0.0.1", port });
}

/** The same, from one of this machine's addresses. */
async function askFrom(
  localAddress: string,
  wire: string,
  port: number,
  host = "127.0.0.1",
): Promise<string> {
  const socket = connect({ host, port, localAddress });
  socket.write(wire);
  let heard = "";
  for await (const bytes of socket) heard += String(bytes);
  return heard;
}

/** An address of this machine that is not loopback. */
function ownAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ internal, family }) => !internal && family === "IPv4")?.address;
}

describe("the registry, over raw TCP", () => {
  test("the documented transcript, byte for byte", async () => {
    const alice: Contact = { id: "Alice", ip: "127.0.0.1", port: 5555 };
    expect(await ask("REGISTER\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 5555\r\n\r\n")).toBe(
      "REGACK\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 5555\r\nStatus: registered\r\n\r\n",
    );
    expect(await ask("BRIDGE\r\nclientID: Alice\r\n\r\n")).toBe(encodeBridgeAck());
    expect(await ask("REGISTERs\r\n\r\n")).toBe("Un expected message\n");
    await ask("REGISTER\nport: 7777\nip: 127.0.0.1\nclientid: Bob\n\n\n");
    expect(await ask("BRIDGE\r\nclientID: Bob\r\n\r\n")).toBe(encodeBridgeAck(alice));
    expect(log).toEqual([
      "REGISTER: Alice from 127.0.0.1:5555 received",
      "Malformed incoming message",
      "REGISTER: Bob from 127.0.0.1:7777 received",
      "BRIDGE: Bob 127.0.0.1:7777 Alice 127.0.0.1:5555",
    ]);
  });
});

describe("parley peer", () => {
  test("two peers chat as documented, every line of both", async () => {
    await using alice = new Peer("Alice");
    const a = await alice.contact();
    await using bob = new Peer("Bob");
    const b = await bob.contact();
    alice.type("/id", "/register", "/bridge");
    await alice.line("Alice IN WAIT MODE");
    bob.type("/regist", "/register", "/bridge", "/chat");
    await bob.line("IN WRITE MODE");
    bob.type("Hello there");
    await alice.line("IN WRITE MODE");
    alice.type("Hi Bob Im Alice");
    await bob.line("IN WRITE MODE", 2);
    bob.type("/quit");
    expect(await alice.exit()).toBe(0);
    expect(await bob.exit()).toBe(0);
    expect(alice.lines).toEqual([
      `Alice running on 127.0.0.1:${a.port}`,
      "Alice",
      "Alice IN WAIT MODE",
      `Incoming chat request from Bob 127.0.0.1:${b.port}`,
      "Bob> Hello there",
      "IN WRITE MODE",
      "IN READ MODE",
      "Bob has ended the chat session.",
      "Exiting program",
    ]);
    expect(bob.lines).toEqual([
      `Bob running on 127.0.0.1:${b.port}`,
      invalid,
      "IN CHAT MODE",
      "IN WRITE MODE",
      "IN READ MODE",
      "Alice> Hi Bob Im Alice",
      "IN WRITE MODE",
      "Chat session has ended",
      "Exiting program",
    ]);
    const stays = "the registration stays when you leave";
    const [aliceAt, bobAt] = [`127.0.0.1:${a.port}`, `127.0.0.1:${b.port}`];
    expect(alice.stderr).toBe(`Registered as Alice at ${aliceAt}; ${stays}\n`);
    expect(bob.stderr).toBe(
      `Registered as Bob at ${bobAt}; ${stays}\nAlice ${aliceAt} found: /chat starts the chat\n`,
    );
  });

  test("from a pipe: one line is sent, the answer read, then it leaves", async () => {
    await using alice = new Peer("Ann");
    alice.type("/register", "/bridge");
    await alice.line("Ann IN WAIT MODE");
    await using bob = new Peer("Ben");
    bob.type("/register", "/bridge", "/chat", "Hello");
    bob.endInput();
    await alice.line("Ben> Hello");
    alice.type("Hi");
    expect(await bob.exit()).toBe(0);
    expect(bob.lines).toContain("Ann> Hi");
    expect(await alice.exit()).toBe(0);
    expect(alice.lines.slice(-2)).toEqual(["Ben has ended the chat session.", "Exiting program"]);
  });

  test("--duplex on both sides lifts the turns; --json prints events", async () => {
    await using alice = new Peer("Ada", "--duplex");
    alice.type("/register", "/bridge");
    await alice.line("Ada IN WAIT MODE");
    await using bob = new Peer("Bo", "--duplex", "--json");
    bob.type("/register", "/bridge", "/chat", "one", "two", "three");
    await alice.line("Bo> three");
    alice.type("a", "b");
    await bob.line(`{"event":"message","from":"Ada","text":"b"}`);
    bob.type("/quit");
    expect(await bob.exit()).toBe(0);
    const events = bob.lines.map((line): unknown => JSON.parse(line));
    expect(events).toContainEqual({ event: "turn", turn: "duplex" });
    expect(events).toContainEqual({ event: "sent", to: "Ada", text: "three" });
    expect(events.at(-1)).toEqual({ event: "exit" });
  });

  test("failures are reported and survived; Ctrl-C exits", async () => {
    const nobody = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const gone = nobody.port;
    nobody.stop(true);
    await using parley = new Parley(
      "peer",
      "--id",
      "Al",
      "--port",
      "0",
      "--server",
      `127.0.0.1:${gone}`,
    );
    parley.type("/register", "/bridge");
    const reason = `cannot connect to 127.0.0.1:${gone}: connection refused`;
    await parley.line(`Register failed: ${reason}`);
    await parley.line(`Bridge request failed: ${reason}`);
    parley.signal("SIGINT");
    expect(await parley.exit()).toBe(130);
    expect(parley.lines.at(-1)).toBe("Exiting program");
  });

  test("in a pipe the last failure is the exit code; SIGTERM has the shell's", async () => {
    await using lone = new Parley("peer", "--id=Al", "--port=0", "--server=127.0.0.1:1");
    lone.type("/register");
    await lone.line(/^Register failed: /);
    lone.endInput();
    expect(await lone.exit()).toBe(3);
    await using stopped = new Peer("Al");
    await stopped.contact();
    stopped.signal("SIGTERM");
    expect(await stopped.exit()).toBe(143);
    expect(stopped.lines.at(-1)).toBe("Exiting program");
  });

  test("a caller of a peer that is in a chat is refused, and the chat continues", async () => {
    await using alice = new Peer("Alice");
    await alice.contact();
    alice.type("/register");
    await alice.says("Registered");
    await using bob = new Peer("Bob");
    bob.type("/bridge Alice", "/chat", "hi");
    await alice.line("Bob> hi");
    await using eve = new Peer("Eve");
    eve.type("/bridge Alice", "/chat", "me too");
    expect(await eve.exit()).toBe(4);
    expect(eve.lines.slice(-2)).toEqual(["Alice has ended the chat session.", "Exiting program"]);
    expect(eve.stderr).toContain("Busy: the peer is in another chat");
    alice.type("still here");
    await bob.line("Alice> still here");
  });

  test("on a terminal, incoming lines appear above the line being edited", async () => {
    const bob = new Peer("Bob", "--duplex");
    await using _ = bob;
    await bob.contact();
    const flags = ["--port=0", "--server", address, "--duplex"];
    const { code, shown } = await runOnTerminal(["peer", "--id=Alice", ...flags], {
      steps: [
        ["running on", ({ type }) => type("/register\r")],
        ["Registered", () => bob.type("/bridge Alice", "/chat", "one")],
        ["IN DUPLEX MODE", ({ type }) => type("half ")],
        ["half ", () => bob.type("two")],
        ["Bob> two", ({ type }) => type("a line\r")],
        ["half a line\r", ({ type }) => type("/quit\r")],
      ],
    });
    expect({ code, shown }).toMatchObject({ code: 0 });
    // Above the line being edited, which is redrawn below.
    expect(shown).toMatch(/\r\u001b\[JBob> two\r+\nhalf \r/);
    expect(shown).toContain("\u001b[?2004l");
    expect(bob.lines).toContain("Alice> half a line");
    expect(await bob.exit()).toBe(0);
  });

  test("a port in use: the original message, a hint, exit 1", async () => {
    const port = String(server.port);
    await using parley = new Parley("peer", "--id", "Al", "--port", port, "--server", address);
    expect(await parley.exit()).toBe(1);
    expect(parley.lines).toEqual([
      `Input socket setup failed: 127.0.0.1:${port}: the port is in use`,
    ]);
    expect(parley.stderr).toContain("--port");
  });

  test.each([
    ["--id", "no name"],
    ["--port", "70000"],
    ["--server", "no where"],
    ["--style", "plain"],
  ])("%s %p is wrong usage", async (flag, value) => {
    const flags = { "--id": "Al", "--port": "0", "--server": address, [flag]: value };
    await using parley = new Parley("peer", ...Object.entries(flags).flat());
    expect(await parley.exit()).toBe(2);
    expect(parley.stderr).toContain(value);
  });
});

describe("parley server", () => {
  test("its cpp port and its main port share one registry, with its log lines", async () => {
    const files = testFolder("cpp");
    const flags = ["--port", "0", "--no-web", "--files", files, "--listen", "cpp=0", "--json"];
    await using parley = new Parley("server", ...flags);
    const listening = JSON.parse(await parley.line(/"listening"/)) as {
      port: number;
      dialects: { cpp: number };
    };
    const { port, dialects } = listening;
    const said = () => parley.lines.join("\n") + parley.stderr;

    const alice = "clientID: Alice\r\nIP: 127.0.0.1\r\nPort: 5555\r\n";
    const bob = "ip: 127.0.0.1\nclientid: Bob\nport: 7777\n";
    expect(await ask(`REGISTER\r\n${alice}\r\n`, dialects.cpp)).toBe(
      `REGACK\r\n${alice}Status: registered\r\n\r\n`,
    );
    expect(await ask(`REGISTER\n${bob}\n`, port)).toStartWith("REGACK\r\nclientID: Bob\r\n");
    expect(await ask("BRIDGE\r\nclientID: Bob\r\n\r\n", port)).toBe(
      `BRIDGEACK\r\n${alice}Status: registered\r\n\r\n`,
    );
    expect(await ask("REGISTERs\r\n\r\n", dialects.cpp)).toBe("Un expected message\n");
    expect(await ask("REGISTER\r\nclientID: A\r\n\r\n", port)).toBe("Un expected message\n");
    await parley.until(() => said().split("Malformed incoming message").length === 3, "the log");
    expect(said()).toContain("REGISTER: Alice from 127.0.0.1:5555 received");
    expect(said()).toContain("BRIDGE: Bob 127.0.0.1:7777 Alice 127.0.0.1:5555");
    parley.type("/info");
    await parley.line('{"event":"registration","id":"Alice","ip":"127.0.0.1","port":5555}');
    await parley.line('{"event":"registration","id":"Bob","ip":"127.0.0.1","port":7777}');
  });

  test("an ID cannot be taken over from another network, nor loopback handed to it", async () => {
    const files = testFolder("cpp");
    const flags = ["--port", "0", "--no-web", "--files", files, "--host", "0.0.0.0", "--plain"];
    await using parley = new Parley("server", ...flags);
    const at = (await parley.line(/^Server listening on /)).split(":").at(-1) ?? "";
    expect(await askFrom("127.0.0.1", registerAlice(5555), Number(at))).toContain(
      "Status: registered",
    );
    expect(await askFrom("127.0.0.2", registerAlice(6666), Number(at))).toContain("Status: taken");
    expect(await askFrom("127.0.0.1", registerAlice(7777), Number(at))).toContain(
      "Status: registered",
    );
    const bridge = "BRIDGE\r\nclientID: Bob\r\n\r\n";
    expect(await askFrom("127.0.0.1", bridge, Number(at))).toContain("Port: 7777");
    const outside = ownAddress();
    if (outside !== undefined) {
      const zed = encodeRegister({ id: "Zed", ip: "localhost", port: 22 });
      expect(await askFrom(outside, zed, Number(at), outside)).toContain("Status: registered");
      expect(await askFrom("127.0.0.1", bridge, Number(at))).toBe(encodeBridgeAck());
    }
  });

  test("two peers meet through its main port", async () => {
    const files = testFolder("cpp");
    await using parley = new Parley("server", "--port", "0", "--no-web", "--files", files);
    const at = (await parley.line(/^Server listening on /)).split(" ").at(-1) ?? "";
    await using alice = new Parley("peer", "--id", "Alice", "--port", "0", "--server", at);
    alice.type("/register", "/bridge");
    await alice.line("Alice IN WAIT MODE");
    await using bob = new Parley("peer", "--id", "Bob", "--port", "0", "--server", at);
    bob.type("/register", "/bridge", "/chat", "Hello");
    await alice.line("Bob> Hello");
    alice.type("/quit");
    expect([await alice.exit(), await bob.exit()]).toEqual([0, 0]);
    expect(bob.lines.slice(-2)).toEqual(["Alice has ended the chat session.", "Exiting program"]);
  });
});

describe("foreign programs, over raw sockets", () => {
  const zoe: Contact = { id: "Zoe", ip: "127.0.0.1", port: 9999 };

  test.each(["QUIT\r\n\r\n", "QUIT\r\n\r\n\r\n"])(
    "bare text after CHAT, ended by %j",
    async (quit) => {
      await using alice = new Peer("Alice");
      const contact = await alice.contact();
      const other = await foreign(contact.port);
      other.send(encodeBareChat(zoe));
      other.send("Hello");
      await alice.line("Zoe> Hello");
      alice.type("Hi Zoe");
      await other.receives("Hi Zoe");
      other.send(quit);
      expect(await alice.exit()).toBe(0);
      expect(await other.ended).toBe("Hi ZoeQUIT\r\n\r\n");
      expect(alice.lines.slice(1)).toEqual([
        "Incoming chat request from Zoe 127.0.0.1:9999",
        "Zoe> Hello",
        "IN WRITE MODE",
        "IN READ MODE",
        "Zoe has ended the chat session.",
        "Exiting program",
      ]);
    },
  );

  test("QUIT without a line end, then FIN, leaves the chat", async () => {
    await using alice = new Peer("Alice");
    const contact = await alice.contact();
    const other = await foreign(contact.port);
    other.send(encodeBareChat(zoe));
    other.send("Hello");
    await alice.line("IN WRITE MODE");
    other.send("QUIT");
    other.hangUp();
    expect(await alice.exit()).toBe(0);
    expect(alice.lines.slice(3)).toEqual([
      "IN WRITE MODE",
      "Zoe has ended the chat session.",
      "Exiting program",
    ]);
  });

  test("we leave a bare chat by closing the connection, without a byte", async () => {
    await using alice = new Peer("Alice");
    const contact = await alice.contact();
    const other = await foreign(contact.port);
    other.send(encodeBareChat(zoe));
    other.send("Hello");
    await alice.line("IN WRITE MODE");
    alice.type("/quit");
    expect(await other.ended).toBe("");
    expect(await alice.exit()).toBe(0);
  });

  test("--style bare: connects at /chat, and each receive is one message", async () => {
    const received: string[] = [];
    let connections = 0;
    let ended = false;
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: () => void connections++,
        data: (socket, bytes) => {
          received.push(bytes.toString());
          if (received.length === 2) socket.write("Hi there");
        },
        close: () => void (ended = true),
      },
    });
    registry.register({ id: "Zed", ip: "127.0.0.1", port: listener.port }, performance.now());
    await using bob = new Peer("Bob", "--style", "bare");
    const contact = await bob.contact();
    bob.type("/bridge Zed");
    await bob.says("Zed");
    expect(connections).toBe(0);
    bob.type("/chat", "Hello");
    await bob.line("Zed> Hi there");
    expect(received).toEqual([encodeBareChat(contact), "Hello"]);
    bob.type("/quit");
    expect(await bob.exit()).toBe(0);
    await bob.until(() => ended, "the end of the connection");
    expect(received).toHaveLength(2);
    listener.stop(true);
  });

  test("the original program: silent, then CHAT; ours leaves with its two /quit", async () => {
    await using alice = new Peer("Alice");
    const contact = await alice.contact();
    const other = await foreign(contact.port);
    other.send(encodeChat(zoe, "Hello"));
    await alice.line("IN WRITE MODE");
    alice.type("/quit");
    const quit = `CHAT\r\nmessage: /quit\r\nid: Alice\r\nip: 127.0.0.1\r\nport: ${contact.port}\r\n\r\n`;
    expect(await other.ended).toBe(quit + quit);
    expect(await alice.exit()).toBe(0);
  });

  const outside = ownAddress();
  const testOutside = skipUnless(outside !== undefined, "this machine has only loopback addresses");
  testOutside("a registry elsewhere cannot make a peer connect to its own machine", async () => {
    let connections = 0;
    const target = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: () => void connections++, data() {} },
    });
    const evil = Bun.listen({
      hostname: outside ?? "",
      port: 0,
      socket: {
        data(socket) {
          socket.write(encodeBridgeAck({ id: "Zed", ip: "localhost", port: target.port }));
          socket.end();
        },
      },
    });
    const flags = ["--id=Bob", "--port=0", "--plain", "--server", `${outside}:${evil.port}`];
    await using bob = new Parley("peer", ...flags);
    bob.type("/bridge Zed", "/chat", "secret");
    await bob.line(/^Bridge request failed: .*refusing an address of this machine/);
    await bob.line(/^Chat request failed: .*refusing an address of this machine/);
    expect(connections).toBe(0);
    evil.stop(true);
    target.stop(true);
  });

  test("a caller's address is that of its socket, whatever it claims", async () => {
    await using alice = new Peer("Alice");
    const contact = await alice.contact();
    const other = await foreign(contact.port);
    other.send(encodeChat({ id: "Zoe", ip: "192.0.2.1", port: 9999 }, "Hello"));
    await alice.line("Zoe> Hello");
    expect(alice.lines).toContain("Incoming chat request from Zoe 127.0.0.1:9999");
  });

  test.each(["hangUp", "vanish"] as const)(
    "a lost connection to the peer (%s) ends the chat",
    async (how) => {
      await using alice = new Peer("Alice");
      const contact = await alice.contact();
      const other = await foreign(contact.port);
      other.send(encodeChat(zoe, "Hello"));
      await alice.line("IN WRITE MODE");
      other[how]();
      expect(await alice.exit()).toBe(0);
      expect(alice.lines.slice(-2)).toEqual([
        "Zoe disconnected without saying goodbye.",
        "Exiting program",
      ]);
    },
  );

  test("an HTTP request is refused and changes nothing else", async () => {
    await using alice = new Peer("Alice");
    const contact = await alice.contact();
    const other = await foreign(contact.port);
    other.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await other.ended).toBe("");
    await alice.line("Malformed incoming message");
    alice.type("/id", "/quit");
    expect(await alice.exit()).toBe(0);
    expect(alice.lines).toContain("Alice");
  });

  test("sixteen silent connections keep nobody out: the oldest is closed immediately", async () => {
    await using alice = new Peer("Alice");
    const contact = await alice.contact();
    const oldest = await foreign(contact.port);
    for (let at = 0; at < 16; at++) await foreign(contact.port);
    expect(await oldest.ended).toBe("");
    await alice.line(/^16 callers are connected and silent/);
    const zoe = await foreign(contact.port);
    zoe.send(encodeChat({ id: "Zoe", ip: "127.0.0.1", port: 9 }, "hi"));
    await alice.line("Zoe> hi");
  });

  test("a called peer that answers in bare text is sent bare text from then on", async () => {
    const called = Promise.withResolvers<Bun.Socket>();
    let heard = "";
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => called.resolve(socket),
        data: (_socket, bytes) => void (heard += bytes.toString()),
      },
    });
    registry.register({ id: "Zed", ip: "127.0.0.1", port: listener.port }, performance.now());
    await using bob = new Peer("Bob");
    const contact = await bob.contact();
    bob.type("/bridge Zed", "/chat", "Hello");
    const socket = await called.promise;
    await bob.until(() => heard !== "", "the first CHAT");
    expect(heard).toBe(encodeChat(contact, "Hello"));
    socket.write("Hi there");
    await bob.line("Zed> Hi there");
    heard = "";
    bob.type("in your way");
    await bob.until(() => heard === "in your way", "bare text");
    bob.type("/quit");
    expect(await bob.exit()).toBe(0);
    expect(heard).toBe("in your way");
    listener.stop(true);
  });
});
