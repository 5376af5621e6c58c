// Idle connections of the web port are limited per address, and leave descriptors for chat and
// files.

import { expect, spyOn } from "bun:test";
import * as fs from "node:fs";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createMetrics } from "../../../src/chat/metrics/metrics.ts";
import { Descriptors } from "../../../src/server/descriptors.ts";
import { ConnectionReaper } from "../../../src/server/web/connection-reaper.ts";
import { startWeb } from "../../../src/server/web/http.ts";
import { SharedFolder } from "../../../src/server/files/shared-folder.ts";
import { connectionsTo } from "../../../src/io/udp/socket-names.ts";
import { descriptors as limits } from "../../../src/limits.ts";
import { silentLog } from "../../silent-log.ts";
import { openToAll } from "./web-rig.ts";
import type { WebSession } from "../../../src/server/web/websocket.ts";
import { TrustedProxies } from "../../../src/server/web/trusted-proxies.ts";
import { parleyCommand } from "../../parley.ts";
import { RawClient } from "../../interop/sockets.ts";
import { skipUnless } from "../../skip.ts";
import { testFolder } from "../../test-folder.ts";
import { noteTime } from "../../times.ts";
import { until } from "../../until.ts";

const folder = testFolder("reaper");
writeFileSync(join(folder, "a.txt"), "abc");

const noSession: WebSession = {
  receive() {},
  receiveEmpty: () => true,
  passedChars: () => 0,
  overflow() {},
  drained() {},
  isBusyAtEnd: () => false,
  closed() {},
};

const onLinux = skipUnless(process.platform === "linux", "descriptors are counted on Linux alone");

class Half {
  closed = false;
  #socket: Bun.Socket | undefined;

  /** Sends half a request and never completes it. */
  static async open(port: number): Promise<Half> {
    const half = new Half();
    try {
      half.#socket = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: {
          open: (socket) => void socket.write("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"),
          data() {},
          close() {
            half.closed = true;
          },
          error() {},
        },
      });
    } catch {
      half.closed = true;
    }
    return half;
  }

  end(): void {
    this.#socket?.terminate();
  }
}

onLinux(
  "an address is held to its limit of connections, idle ones included; WebSockets stay",
  async () => {
    const descriptors = new Descriptors();
    let chat = 0;
    let looks = 0;
    const web = startWeb({
      host: "127.0.0.1",
      port: 0,
      folder: new SharedFolder(folder),
      metrics: createMetrics(),
      log: silentLog,
      publicUrl: undefined,
      proxies: new TrustedProxies(),
      admission: { enter: () => (chat++, undefined), leave: () => chat--, move: (from) => from },
      ...openToAll,
      connect: () => noSession,
      connectRoom: () => noSession,
      reaper: {
        descriptors,
        chatConnections() {
          looks++;
          return chat;
        },
        excess: (sockets) => sockets.slice(5 - chat),
      },
    });
    try {
      const socket = new WebSocket(`ws://127.0.0.1:${web.port}/ws`);
      await new Promise((resolve) => socket.addEventListener("open", resolve));
      const halves = await Promise.all(Array.from({ length: 20 }, () => Half.open(web.port)));
      const left = () => halves.filter(({ closed }) => !closed).length;
      await until(() => left() <= 4);
      const later = looks + 2;
      await until(() => {
        descriptors.relieve();
        return looks >= later;
      });
      expect([left(), socket.readyState]).toEqual([4, WebSocket.OPEN]);
      for (const half of halves) half.end();
      expect((await fetch(`http://127.0.0.1:${web.port}/healthz`)).status).toBe(200);
      socket.close();
    } finally {
      await web.stop();
      descriptors.close();
    }
  },
);

onLinux("half requests leave descriptors for chat and files, and the page comes back", async () => {
  const flags = ["--port", "0", "--web-port", "0", "--files", folder, "--json"];
  const limited = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", ...parleyCommand()];
  const server = Bun.spawn([...limited, "server", ...flags], { stdout: "pipe", stderr: "pipe" });
  try {
    const { value } = await server.stdout.getReader().read();
    const said = Buffer.from(value ?? []).toString();
    const ready = JSON.parse(said) as { port: number; webPort: number };
    const halves: Half[] = [];
    while (halves.length < 400) halves.push(await Half.open(ready.webPort));
    const startedMs = performance.now();
    // For a moment, until it has counted, it may answer that it is full: try again.
    await until(async () => {
      const client = await RawClient.connect(ready.port);
      client.send("Ann\ndownload_file a.txt\n");
      const isAnswered = () => client.ended || client.all.includes("a.txt");
      await client.until(isAnswered, "an answer");
      return /UDP \d+ 3 a\.txt/.test(client.all);
    });
    noteTime("a file in spite of half requests", performance.now() - startedMs, 2_000);
    for (const half of halves) half.end();
    const page = () =>
      fetch(`http://127.0.0.1:${ready.webPort}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await until(page);
  } finally {
    server.kill();
    expect(await server.exited).toBe(0);
  }
  expect(await new Response(server.stderr).text()).toMatch(
    /"level":"warn","message":"running out of file descriptors.*"limit":256\}/,
  );
});

onLinux(
  "requests for files leave no descriptor open, however many one connection sends",
  async () => {
    writeFileSync(join(folder, "large.bin"), new Uint8Array(3_000_000));
    const flags = ["--port", "0", "--web-port", "0", "--files", folder, "--json"];
    const server = Bun.spawn([...parleyCommand(), "server", ...flags], {
      stdout: "pipe",
      stderr: "ignore",
    });
    const open = () =>
      readdirSync(`/proc/${server.pid}/fd`).filter((fd) => linkOf(server.pid, fd).endsWith(".bin"));
    try {
      const { value } = await server.stdout.getReader().read();
      const { webPort } = JSON.parse(Buffer.from(value ?? []).toString()) as { webPort: number };
      const heads = await RawClient.connect(webPort);
      heads.send(request("HEAD").repeat(3_000));
      const answers = () => heads.all.split("HTTP/1.1 200 OK").length - 1;
      await heads.until(() => answers() >= 2_000, "2 000 answers");
      expect(open().length).toBeLessThan(10);
      await heads.until(() => answers() === 3_000, "all answers");
      expect(heads.all.slice(0, 1_000).toLowerCase()).toContain("content-length: 3000000\r\n");
      heads.abort();
      const gets = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(webPort)));
      for (const get of gets) get.send(request("GET"));
      await Promise.all(gets.map((get) => get.until(() => get.all.length > 0, "an answer")));
      for (const get of gets) get.abort();
      const startedMs = performance.now();
      await until(() => open().length === 0);
      noteTime("no more descriptors of files", performance.now() - startedMs, 700);
    } finally {
      server.kill();
      await server.exited;
    }
  },
);

function request(method: string): string {
  return `${method} /files/large.bin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    // Closed in the meantime.
    return "";
  }
}

onLinux("descriptors are listed, or not, while other threads take each that is freed", () => {
  const program = join(import.meta.dir, "contended-descriptors.ts");
  const command = ["sh", "-c", 'ulimit -n 100; exec "$0" "$1"', process.execPath, program];
  const { stdout, stderr } = Bun.spawnSync(command);
  expect(`${stdout}${stderr}`).toBe("listed true\n");
});

onLinux("the remote address is found by the descriptor, IPv4 and IPv6", async () => {
  const descriptors = new Descriptors();
  for (const host of ["127.0.0.1", "::1"]) {
    const listener = Bun.listen({ hostname: host, port: 0, socket: { data() {} } });
    const socket = await Bun.connect({
      hostname: host,
      port: listener.port,
      socket: { data() {} },
    });
    const found = () => connectionsTo(listener.port, descriptors.list());
    await until(() => found().length > 0);
    expect(found()).toEqual([{ fd: expect.any(Number), address: host, port: socket.localPort }]);
    socket.terminate();
    listener.stop(true);
  }
  descriptors.close();
});

onLinux("descriptors are counted, and a reserve is kept for files", () => {
  const now = new Descriptors().count();
  const few = new Descriptors(now + 40);
  expect([few.reserve, few.areScarce]).toEqual([32, false]);
  for (let i = 0; i < 20; i++) few.noteAccepted();
  expect(few.areScarce).toBe(true);
  few.close();
  const none = new Descriptors(Number.POSITIVE_INFINITY);
  expect([none.free, none.areScarce, none.count()]).toEqual([Number.POSITIVE_INFINITY, false, 0]);
});

onLinux("a count that had to wait for the processor does not put off the next one", () => {
  // A tenth of the pause if the waiting counted as work.
  const laterMs = 10 * limits.countMs;
  let nowMs = 1_000_000;
  spyOn(performance, "now").mockImplementation(() => nowMs);
  const stat = fs.statSync;
  const counting = spyOn(fs, "statSync").mockImplementation(((path: string) => {
    // Others run meanwhile.
    nowMs += 100;
    return stat(path);
  }) as typeof stat);
  const counted = new Descriptors();
  counted.count();
  nowMs += laterMs;
  expect(counted.free).toBeLessThan(counted.limit);
  expect(counting).toHaveBeenCalledTimes(2);
  let looks = 0;
  const reaper = new ConnectionReaper({
    descriptors: counted,
    port: 1,
    chatConnections() {
      looks++;
      nowMs += 100;
      return 0;
    },
    excess: () => [],
    isWebSocket: () => false,
    listen: () => true,
    log: silentLog,
  });
  const atStart = looks;
  for (let checks = 1; checks <= 3; checks++) {
    reaper.check();
    expect(looks).toBe(atStart + checks);
    nowMs += laterMs;
  }
  reaper.stop();
  counted.close();
});

onLinux(
  "a flood right after a check, which has used up its time, leaves room for chat",
  async () => {
    const sockets: Bun.Socket[] = [];
    const socket = { open: (one: Bun.Socket) => void sockets.push(one), data() {}, error() {} };
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
    const counted = new Descriptors(new Descriptors().count() + 60);
    let nowMs = 1_000_000;
    let cpuUs = 0;
    spyOn(performance, "now").mockImplementation(() => nowMs);
    spyOn(process, "threadCpuUsage").mockImplementation(() => ({
      user: (cpuUs += 10_000),
      system: 0,
    }));
    const reaper = new ConnectionReaper({
      descriptors: counted,
      port: listener.port,
      chatConnections: () => 0,
      excess: () => [],
      isWebSocket: () => false,
      listen: () => true,
      log: silentLog,
    });
    const flood = async (): Promise<void> => {
      const all = sockets.length + 20;
      for (let i = 0; i < 20; i++) {
        await Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket: { data() {} } });
      }
      await until(() => sockets.length === all);
      // The descriptors are counted again by then; the next check is not due yet.
      nowMs += 600;
    };
    nowMs += 600;
    reaper.check();
    await flood();
    expect(counted.areScarce).toBe(false);
    await flood();
    expect(counted.areScarce).toBe(false);
    reaper.stop();
    listener.stop(true);
    counted.close();
  },
);
