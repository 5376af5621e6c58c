// The `parley server` program: ready lines, ports in use, the environment, its log, typed commands,
// signals.

import { describe, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  existsSync,
  readFileSync,
  openSync,
  readSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { workingFolder } from "../own-folders.ts";
import { freePort } from "../free-port.ts";
import { Parley, parleyBinary, parleyCommand } from "../parley.ts";
import { reachableHosts } from "../../src/io/host-port.ts";
import { terminal } from "../../src/limits.ts";
import { RawClient } from "../interop/sockets.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { noteTime } from "../times.ts";
import { environment, escape, type OnTerminal, run, runOnTerminal } from "./run.ts";
import { until } from "../until.ts";
import { inUsualMemory } from "../usual-memory.ts";

const folder = testFolder("cli");

const onLinux = skipUnless(process.platform === "linux", "no /proc");
const compiledOnLinux = skipUnless(
  process.platform === "linux" && existsSync(parleyBinary()),
  "no executable (npm run build), or no /proc",
);
const withFifo = skipUnless(Bun.which("mkfifo") !== null, "no mkfifo");

const common = ["--no-web", "--files", folder];
const listening = /^Server listening on 127\.0\.0\.1:(\d+)$/;

/** A server on a free port, and that port. */
async function start(...more: string[]): Promise<{ server: Parley; port: number }> {
  const server = new Parley("server", "--port", "0", ...common, ...more);
  const line = await server.line(listening);
  return { server, port: Number(listening.exec(line)?.[1]) };
}

describe("ready", () => {
  test("is one line on stdout, after the ports on stderr, without escapes", async () => {
    const { server, port } = await start("--listen", "cpp=0", "--listen", "line-chat=0");
    await using _ = server;
    expect(server.lines).toEqual([`Server listening on 127.0.0.1:${port}`]);
    await server.says(`port ${port}`, /cpp on port \d+/, /line-chat on port \d+/);
    await server.says(`nc 127.0.0.1 ${port}`);
    expect(server.stderr).not.toMatch(escape);
    expect(server.stderr).not.toContain("Warning");
  });

  test("with --json is one object with every port, all of them open", async () => {
    await using server = new Parley(
      ..."server --port 0 --web-port 0 --json --listen cpp=0,select-chat=0 --listen date-time=0".split(
        " ",
      ),
      "--files",
      folder,
    );
    const ready = JSON.parse(await server.line(/"event":"listening"/)) as {
      event: string;
      host: string;
      port: number;
      webPort: number;
      dialects: Record<string, number>;
    };
    expect(server.lines).toHaveLength(1);
    expect(Object.keys(ready)).toEqual(["event", "host", "port", "webPort", "dialects", "pin"]);
    expect(ready).toMatchObject({ event: "listening", host: "127.0.0.1" });
    expect(Object.keys(ready.dialects).sort()).toEqual(["cpp", "date-time", "select-chat"]);
    const page = await fetch(`http://127.0.0.1:${ready.webPort}/`);
    expect(page.status).toBe(200);
    for (const port of [ready.port, ready.dialects["cpp"], ready.dialects["select-chat"]]) {
      const client = await RawClient.connect(port ?? 0);
      client.abort();
    }
    expect(server.lines.every((line) => JSON.parse(line) !== undefined)).toBe(true);
  });

  test("mentions a folder that does not exist yet; one that is a file is an error", async () => {
    const missing = join(folder, "not yet");
    await using server = new Parley("server", "--port", "0", "--no-web", "--files", missing);
    await server.line(listening);
    await server.says(`${missing} (create it to share files)`);
    // Relative: of a longer path the sentence has only the beginning.
    writeFileSync(join(workingFolder(), "file"), "");
    const { code, err } = await run(["server", "--port", "0", "--no-web", "--files", "file"]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("'file'") });
  });

  test("warns if other machines can reach it", async () => {
    await using server = new Parley("server", "--host", "0.0.0.0", "--port", "0", ...common);
    const ready = await server.line(/^Server listening on 0\.0\.0\.0:\d+$/);
    await server.says(
      "Warning: 0.0.0.0 is every address of this machine, so other machines can reach it",
    );
    const port = ready.split(":")[1];
    const [address] = reachableHosts("0.0.0.0");
    await server.says(new RegExp(`client ${address}:${port}#[\\w-]{43} --name`));
    expect(server.stderr).not.toContain(`nc ${address}`);
  });

  test.each([
    ["127.1", "127.0.0.1", ""],
    ["0", "0.0.0.0", "Warning: 0.0.0.0 is every address of this machine"],
  ])("--host %s is listening on %s", async (host, shown, warning) => {
    await using server = new Parley("server", "--host", host, "--port", "0", ...common);
    const ready = await server.line(/^Server listening on /);
    expect(ready).toStartWith(`Server listening on ${shown}:`);
    await server.says(warning);
    expect(server.stderr.includes("Warning")).toBe(warning !== "");
  });
});

test("no folder is made for --data: its disk may not be mounted", async () => {
  const disk = join(folder, "disk");
  for (const host of ["127.0.0.1", "0.0.0.0"]) {
    const data = ["--data", join(disk, "chat.db")];
    const { code, err } = await run(["server", "--host", host, "--port", "0", ...common, ...data]);
    expect(code).toBe(1);
    expect(err).toContain(`there is no folder '${disk}'`);
    expect(existsSync(disk)).toBe(false);
  }
});

test("--data :memory: creates no file", async () => {
  await using server = new Parley("server", "--data", ":memory:", "--port", "0", ...common);
  await server.line(listening);
  expect(existsSync(":memory:")).toBe(false);
});

describe("a port in use: exit code 1, and one line with port and flag", () => {
  test.each([
    ["--port", "tcp"],
    ["--port", "udp"],
    ["--web-port", "tcp"],
    ["--metrics-port", "tcp"],
    ["--listen cpp=PORT", "tcp"],
    ["--listen line-chat=PORT", "tcp"],
    ["--listen date-time=PORT", "udp"],
    ["--listen greeting=PORT", "udp"],
    ["--listen greeting=PORT", "tcp"],
  ] as const)("%s (%s)", async (flag, transport) => {
    await using taken = await takePort(transport);
    const port = String(taken.port);
    const flags = flag.startsWith("--listen")
      ? ["--port", "0", "--no-web", flag.replace(" ", "=").replace("PORT", port)]
      : flag === "--port"
        ? ["--port", port, "--no-web"]
        : ["--port", "0", ...(flag === "--web-port" ? [] : ["--no-web"]), flag, port];
    expect(await run(["server", ...flags, "--files", folder])).toEqual({
      code: 1,
      out: "",
      err: `parley server: Port ${port} is in use: choose another with ${flag} (0 takes a free one)\n`,
    });
  });

  onLinux(
    "taken by an outgoing connection only is waited for",
    async () => {
      await using there = await takePort("tcp");
      const outgoing = await RawClient.connect(there.port);
      const port = String(outgoing.localPort);
      const flags = ["--port", port, ...common];
      const { code, err } = await run(["server", ...flags]);
      expect({ code, err }).toEqual({
        code: 1,
        err: expect.stringContaining(`Port ${port} is in use by a connection to another server`),
      });
      await using server = new Parley("server", ...flags);
      // It holds the UDP port of that number, and now waits for the TCP port.
      const bound = ` 0100007F:${outgoing.localPort.toString(16).toUpperCase().padStart(4, "0")} `;
      await server.until(() => readFileSync("/proc/net/udp", "utf8").includes(bound), "UDP");
      outgoing.abort();
      await server.line(`Server listening on 127.0.0.1:${port}`);
    },
    // The server waits for 2 s; a machine that stalls for longer is not its fault.
    { timeout: 180_000, retry: 5 },
  );

  test("a host address of another machine is reported with its flag", async () => {
    for (const host of ["192.0.2.1", "nowhere.invalid", "256.1.1.1"]) {
      const { code, out, err } = await run(["server", "--host", host, "--port", "0", ...common]);
      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(err).toStartWith(`parley server: --host '${host}' is not an address of this machine`);
    }
  });
});

test("only a terminal shows a QR code of the page, if others can reach it", async () => {
  const flags = ["server", "--port", "0", "--web-port", "0", "--files", folder];
  const state = ["--state", join(folder, "code-state")];
  const quit = [["Server listening", ({ kill }: OnTerminal) => kill("SIGTERM")]] as const;
  const others = await runOnTerminal([...flags, "--host", "0.0.0.0", ...state], { steps: quit });
  expect(others.shown).toMatch(/\u001b\[97;40m█{29,}\u001b\[0m/);
  const own = await runOnTerminal([...flags, ...state], { steps: quit });
  expect(own.shown).not.toContain("█");
  await using server = new Parley(...flags, "--host", "0.0.0.0", ...state);
  await server.line(/^Server listening/);
  expect(server.stderr).not.toContain("█");
});

describe("metrics", () => {
  test("have their own port on loopback, and are nowhere else", async () => {
    const flags = ["--port", "0", "--web-port", "0", "--metrics-port", "0", "--files", folder];
    await using server = new Parley("server", "--host", "0.0.0.0", "--json", ...flags);
    const ready = JSON.parse(await server.line(/listening/)) as Record<string, number>;
    const { webPort, metricsPort } = ready;
    expect(metricsPort).toBeGreaterThan(0);
    const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    expect(await answer.text()).toContain("\nparley_members 0\n");
    const page = `https://127.0.0.1:${webPort}/metrics`;
    expect((await fetch(page, { tls: { rejectUnauthorized: false } })).status).toBe(404);
    const outward = reachableHosts("0.0.0.0").filter((host) => host !== "127.0.0.1");
    for (const host of outward) {
      expect(await fetch(`http://${host}:${metricsPort}/metrics`).catch(() => "refused")).toBe(
        "refused",
      );
    }
    server.type("/quit");
    expect(await server.exit()).toBe(0);
  });

  test("are not served without the flag", async () => {
    const flags = ["--port", "0", "--web-port", "0", "--files", folder];
    await using server = new Parley("server", "--json", ...flags);
    const { webPort, metricsPort } = JSON.parse(await server.line(/listening/)) as {
      webPort: number;
      metricsPort?: number;
    };
    expect(metricsPort).toBeUndefined();
    expect((await fetch(`http://127.0.0.1:${webPort}/metrics`)).status).toBe(404);
  });
});

test("behind a proxy the public URL is announced, its page may chat, and users count by their own address", async () => {
  const flags = ["--port", "0", "--web-port", "0", "--files", folder, "--max-per-address", "2"];
  const proxied = ["--public-url", "https://chat.example", "--trusted-proxy", "127.0.0.1,::1"];
  await using server = new Parley("server", "--json", ...flags, ...proxied);
  const { webPort } = JSON.parse(await server.line(/listening/)) as { webPort: number };
  await server.says("https://chat.example/");
  const statusFor = async (client: string) => {
    const socket = await RawClient.connect(webPort);
    socket.send(
      "GET /ws HTTP/1.1\r\nHost: chat.example\r\nOrigin: https://chat.example\r\n" +
        `X-Forwarded-For: ${client}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    await socket.until(() => socket.all.includes("\r\n\r\n"), "an answer");
    return socket.all.split(" ")[1];
  };
  expect(await statusFor("198.51.100.7")).toBe("101");
  expect(await statusFor("198.51.100.7")).toBe("101");
  expect(await statusFor("6.6.6.6, 198.51.100.7")).toBe("503");
  expect(await statusFor("198.51.100.8")).toBe("101");
});

describe("the environment", () => {
  test("sets every kind of flag, and flags win", async () => {
    const env = {
      PARLEY_SERVER_PORT: "0",
      PARLEY_SERVER_NO_WEB: "1",
      PARLEY_SERVER_FILES: folder,
      PARLEY_SERVER_LISTEN: "cpp=0,calculator=0",
      PARLEY_SERVER_JSON: "1",
      PARLEY_SERVER_RATE: "not a number",
    };
    const refused = await run(["server"], { env });
    expect(refused.code).toBe(2);
    expect(refused.err).toContain("'not a number'");
    const child = Bun.spawn([...parleyCommand(), "server", "--rate", "5"], {
      env: environment(env),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    const ready = JSON.parse(new TextDecoder().decode(value)) as Record<string, unknown>;
    expect(Object.keys(ready["dialects"] as object).sort()).toEqual(["calculator", "cpp"]);
    expect(ready["webPort"]).toBeUndefined();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("is named in errors about its values", async () => {
    const port = await run(["server"], { env: { PARLEY_SERVER_PORT: "abc" } });
    expect({ code: port.code, err: port.err }).toEqual({
      code: 2,
      err: expect.stringContaining("PARLEY_SERVER_PORT 'abc' is not a port"),
    });
    const json = await run(["server"], { env: { PARLEY_SERVER_JSON: "perhaps" } });
    expect({ code: json.code, err: json.err }).toEqual({
      code: 2,
      err: expect.stringContaining("PARLEY_SERVER_JSON takes 0 or 1, not 'perhaps'"),
    });
  });
});

describe("the log on stderr", () => {
  test("--log-level hides lower levels, and never the line on stdout", async () => {
    const { server } = await start("--log-level", "warn");
    await using _ = server;
    server.type("/frobnicate", "/quit");
    expect(await server.exit()).toBe(0);
    expect(server.stderr).toBe("");
  });

  test("an unknown level is wrong usage, and the error lists the levels", async () => {
    const { code, out, err } = await run(["server", "--log-level", "loud"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toStartWith(
      "parley server: --log-level 'loud' is not a level: use one of silent, ",
    );
  });

  test("records who connected, logged in and left, from where and why", async () => {
    const { server, port } = await start();
    await using _ = server;
    const ann = await RawClient.connect(port);
    ann.send("Ann\n");
    await ann.heard("ALL \n");
    const from = `address=127.0.0.1 port=${ann.localPort} dialect=open-chat tls=false`;
    ann.abort();
    const lines = () => server.stderr.split("\n").filter((line) => line.startsWith("20"));
    await server.until(() => lines().length >= 3, "three lines");
    expect(lines().map((line) => line.replace(/^\S+Z /, ""))).toEqual([
      `info  connected ${from}`,
      `info  logged in name=Ann ${from} returned=false`,
      `info  left name=Ann ${from} reason=lost`,
    ]);
  });

  test("contains no text and no secret, even at the most verbose level", async () => {
    const { server, port } = await start("--log-level", "debug");
    await using _ = server;
    const ann = await RawClient.connect(port);
    const secret = "secret-0123456789abcdef";
    const messages = [
      { type: "hello", version: 2, name: "Ann", secret },
      { type: "say", room: "lobby", n: 1, text: "text-for-the-room" },
      { type: "tell", n: 2, to: ["Ann"], text: "text-for-one" },
      { type: "nonsense", text: "text-for-nobody" },
      { type: "bye" },
    ];
    ann.send(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
    await ann.end();
    expect(ann.all).toContain(`{"type":"ack","n":2}`);
    await server.says("left name=Ann");
    expect(server.stderr).not.toMatch(/text-for|secret-/);
  });

  test("with --json every line is an object with event, time and level", async () => {
    await using server = new Parley("server", "--port", "0", "--json", ...common);
    await server.line(/listening/);
    server.type("/frobnicate", "/quit");
    expect(await server.exit()).toBe(0);
    const lines = server.stderr.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        event: "log",
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        level: "info",
        message: expect.any(String),
      });
    }
  });

  withFifo("a pipe that nobody reads loses lines, and stalls nobody", async () => {
    const fifo = join(folder, "stderr");
    Bun.spawnSync(["mkfifo", fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const child = Bun.spawn([...parleyCommand(), "server", "--port", "0", ...common], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: fd,
      env: environment(),
    });
    const reader = child.stdout.getReader();
    const ready = new TextDecoder().decode((await reader.read()).value);
    const port = Number(listening.exec(ready.trim())?.[1]);
    // ten times what a pipe and the queue before it hold
    const lines = 60_000;
    void child.stdin.write(`/${"x".repeat(30)}\n`.repeat(lines) + "/who\n");
    const ann = await RawClient.connect(port);
    ann.send("Ann\n");
    await ann.heard("ALL \n");
    void child.stdin.write("/who\n");
    let out = "";
    while (!out.includes("Ann")) out += new TextDecoder().decode((await reader.read()).value);
    child.kill("SIGTERM");
    let err = "";
    const drain = (): void => {
      const piece = Buffer.alloc(65_536);
      try {
        err += piece.toString("utf8", 0, readSync(fd, piece));
      } catch {
        // nothing there yet
      }
    };
    while (child.exitCode === null) {
      drain();
      await Bun.sleep(1);
    }
    drain();
    closeSync(fd);
    expect(child.exitCode).toBe(0);
    const dropped = Number(/… (\d+) lines dropped: the reader was too slow/.exec(err)?.[1]);
    expect(dropped).toBeGreaterThan(lines / 2);
  });
});

describe("typed on its stdin", () => {
  test("/info lists registrations, /who users; anything else gets a hint", async () => {
    const { server, port } = await start();
    await using _ = server;
    const register = await RawClient.connect(port);
    register.send("REGISTER\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 5555\r\n\r\n");
    await register.end();
    const ann = await RawClient.connect(port);
    ann.send("Ann\n");
    await ann.heard("Ann has joined the chat!\nALL \n");
    server.type("/info", "/who", "frobnicate");
    await server.line("Alice 127.0.0.1:5555");
    await server.line("Ann");
    await server.says("'frobnicate'");
    await server.says("/help lists them");
  });

  test("with --json the answers are objects", async () => {
    await using server = new Parley("server", "--port", "0", "--json", ...common);
    const { port } = JSON.parse(await server.line(/listening/)) as { port: number };
    const register = await RawClient.connect(port);
    register.send("REGISTER\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 5555\r\n\r\n");
    await register.end();
    const ann = await RawClient.connect(port);
    ann.send("Ann\n");
    await ann.heard("ALL \n");
    server.type("/info", "/who");
    await server.line('{"event":"registration","id":"Alice","ip":"127.0.0.1","port":5555}');
    await server.line(/^\{"event":"member","name":"Ann",/);
    server.type("/quit");
    expect(await server.exit()).toBe(0);
    for (const line of server.lines) expect(JSON.parse(line)).toHaveProperty("event");
  });

  test("/export prints every message, also if that is more than is queued for a slow reader", async () => {
    const { server, port } = await start("--rate", "0");
    await using _ = server;
    const count = Math.ceil((8 * terminal.maxLogBytes) / 16_000);
    const input = Array.from({ length: count }, (_, i) => `${i} ${"x".repeat(16_000)}\n`).join("");
    expect(await run(["client", `127.0.0.1:${port}`, "--name=Ann"], { input })).toMatchObject({
      code: 0,
    });
    server.type("/export lobby");
    const exported = () => server.lines.filter((line) => line.includes('"event":"message"'));
    await server.line(new RegExp(`"seq":${count},`));
    expect(exported()).toHaveLength(count);
    expect(server.lines.join("\n")).not.toContain("dropped");
  });

  test("the rows of one order come before those of the next, over all pages of an export", async () => {
    const { server, port } = await start("--rate", "0");
    await using _ = server;
    const count = Math.ceil((4 * terminal.maxLogBytes) / 16_000);
    const input = Array.from({ length: count }, (_, i) => `${i} ${"x".repeat(16_000)}\n`).join("");
    expect(await run(["client", `127.0.0.1:${port}`, "--name=Ann"], { input })).toMatchObject({
      code: 0,
    });
    server.type("/export lobby", "/export lobby");
    const exported = () => server.lines.filter((line) => line.includes('"event":"message"'));
    await until(() => exported().length === 2 * count);
    const numbers = exported().map((line) => Number((JSON.parse(line) as { seq: unknown }).seq));
    const once = Array.from({ length: count }, (_, i) => i + 1);
    expect(numbers).toEqual([...once, ...once]);
  });

  test("/quit tells everyone and exits with 0", async () => {
    const { server, port } = await start();
    await using _ = server;
    const ann = await RawClient.connect(port);
    ann.send("Ann\n");
    await ann.heard("ALL \n");
    server.type("/quit");
    expect(await server.exit()).toBe(0);
    await ann.until(() => ann.ended, "its end");
    expect(ann.all).toContain("The server is stopping");
  });

  test("the end of input does not stop it", async () => {
    const { server, port } = await start();
    await using _ = server;
    server.type("frobnicate");
    server.endInput();
    await server.says("'frobnicate'");
    const ann = await RawClient.connect(port);
    ann.send("Ann\n");
    await ann.heard("ALL \n");
    server.signal("SIGTERM");
    expect(await server.exit()).toBe(0);
  });
});

describe("SIGINT, SIGTERM and SIGHUP tell everyone and exit with 0", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s", async (signal) => {
    const { server, port } = await start("--listen", "select-chat=0,line-chat=0");
    await using _ = server;
    await server.says(/select-chat on port \d+\n/, /line-chat on port \d+\n/);
    const dialects = [...server.stderr.matchAll(/(\S+) on port (\d+)\n/g)].slice(0);
    const portOf = (name: string) => Number(dialects.find(([, of]) => of === name)?.[2]);
    const native = await RawClient.connect(port);
    native.send('{"type":"hello","version":2,"name":"Nat"}\n');
    const text = await RawClient.connect(port);
    text.send("Ann\n");
    const lines = await RawClient.connect(portOf("line-chat"));
    lines.send("Emil\n");
    const silent = await RawClient.connect(portOf("select-chat"));
    const undecided = await RawClient.connect(port);
    await text.until(() => text.all.includes("Emil"), "all three");
    const startMs = performance.now();
    server.signal(signal);
    expect(await server.exit()).toBe(0);
    noteTime("an exit", performance.now() - startMs, 5_000);
    for (const client of [native, text, lines, silent, undecided]) {
      await client.until(() => client.ended, "its end");
    }
    expect(native.all).toContain('{"type":"bye","reason":"The server is stopping"}');
    expect(text.all).toContain("The server is stopping");
    expect(lines.all).toContain("The server is stopping");
    expect(server.lines.slice(-2)).toEqual(["", "Server shutting down..."]);
  });

  test("even if a client reads nothing", async () => {
    const { server, port } = await start("--rate", "0");
    await using _ = server;
    const deaf = await RawClient.connect(port);
    deaf.send('{"type":"hello","version":2,"name":"Deaf"}\n');
    await deaf.until(() => deaf.all.includes("welcome"), "a welcome");
    deaf.pause();
    const loud = await RawClient.connect(port);
    loud.send('{"type":"hello","version":2,"name":"Loud"}\n');
    await loud.until(() => loud.all.includes("welcome"), "a welcome");
    const line = `{"type":"say","text":"${"x".repeat(8_000)}"}\n`;
    for (let i = 0; i < 400; i++) {
      loud.send(line);
      await Bun.sleep(0);
    }
    await loud.until(() => loud.all.length > 1_000_000, "its own words");
    const startMs = performance.now();
    server.signal("SIGTERM");
    expect(await server.exit()).toBe(0);
    noteTime("an exit in spite of a client that reads nothing", performance.now() - startMs, 5_500);
    deaf.abort();
  });
});

onLinux(
  "SIGHUP and SIGINT that were ignored at the start, as under nohup, stay ignored",
  async () => {
    const command = [...parleyCommand(), "server", "--port", "0", ...common];
    const child = Bun.spawn(["sh", "-c", 'trap "" HUP INT; exec "$@"', "sh", ...command], {
      stdout: "pipe",
      stderr: "ignore",
      env: environment(),
    });
    const reader = child.stdout.getReader();
    const ready = new TextDecoder().decode((await reader.read()).value);
    child.kill("SIGHUP");
    child.kill("SIGINT");
    const ann = await RawClient.connect(Number(listening.exec(ready.trim())?.[1]));
    ann.send("Ann\n");
    await ann.heard("ALL \n");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    await ann.until(() => ann.ended, "its end");
    expect(ann.all).toContain("The server is stopping");
  },
);

const withBash = skipUnless(Bun.which("bash") !== null, "no bash for job control");

test("a terminal stopped by Ctrl-S stalls nobody", async () => {
  let shown = "";
  const child = Bun.spawn([...parleyCommand(), "server", "--port", "0", ...common], {
    terminal: { data: (_, bytes) => (shown += new TextDecoder().decode(bytes)) },
    env: environment(),
  });
  /** Lines that are printed when somebody connects. */
  const printed = () => shown.split("[CONNECTION]").length - 1;
  await until(() => shown.includes("Server listening on"));
  const port = Number(/Server listening on 127\.0\.0\.1:(\d+)/.exec(shown)?.[1]);
  let served = 0;
  const serve = async (): Promise<void> => {
    const client = await RawClient.connect(port);
    client.send(`Ann${++served}\n`);
    await client.until(() => client.all.includes("ALL "), "its list");
  };
  child.terminal?.write("\u0013");
  // The terminal may take a moment to stop; then it shows nothing, however many connect.
  for (let unseen = 0; unseen < 5;) {
    const before = printed();
    await serve();
    unseen = printed() === before ? unseen + 1 : 0;
  }
  child.terminal?.write("\u0011");
  await until(() => printed() === served);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  child.terminal?.close();
});

withBash(
  "a background job keeps running, and reads its terminal once it is in the foreground",
  async () => {
    let shown = "";
    const shell = Bun.spawn(["bash", "--norc", "-i"], {
      terminal: { data: (_, bytes) => (shown += new TextDecoder().decode(bytes)) },
      env: { ...environment(), PS1: "" },
    });
    const shows = (text: RegExp): Promise<void> =>
      until(
        () => text.test(shown),
        () => `${text} on the terminal:\n${shown}`,
      );
    const command = [...parleyCommand(), "server", "--port", "0", "--no-web", "--files", folder];
    shell.terminal?.write(`${command.join(" ")} &\n`);
    await shows(/Server listening on/);
    shell.terminal?.write("jobs\n");
    await shows(/\[1\]\+? +Running/);
    expect(shown).not.toMatch(/Stopped/);
    shell.terminal?.write("fg\n/frobnicate\n/quit\n");
    await shows(/There is no command 'frobnicate'/);
    await shows(/Server shutting down\.\.\./);
    shell.terminal?.write("exit\n");
    expect(await shell.exited).toBe(0);
    shell.terminal?.close();
  },
);

// Pages of the executable do not count: all processes share them, the kernel reclaims them, and for
// the same bytes it maps 46 or 55 MB of them, depending on how they entered its cache.
compiledOnLinux("an idle server has less than 24 MB of its own", async () => {
  // Generating the key takes more, once.
  const state = ["--state", join(folder, "idle")];
  const { server: first } = await start(...state);
  first.type("/quit");
  await first.exit();
  const { server } = await inUsualMemory(() => start(...state));
  await using _ = server;
  const ownMib = (): number => {
    const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  };
  expect(ownMib()).toBeGreaterThan(1);
  // On a busy machine the start is collected later.
  await until(
    () => ownMib() < 24,
    () => `24 MB, not ${ownMib().toFixed(1)}`,
  );
});

async function takePort(transport: "tcp" | "udp"): Promise<{ port: number } & AsyncDisposable> {
  const port = await freePort();
  if (transport === "tcp") {
    const taken = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
    return { port: taken.port, [Symbol.asyncDispose]: async () => taken.stop(true) };
  }
  const taken = await Bun.udpSocket({ hostname: "127.0.0.1", port });
  return { port: taken.port, [Symbol.asyncDispose]: async () => taken.close() };
}
