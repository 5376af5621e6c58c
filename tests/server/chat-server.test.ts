// The assembled server: its announcement when its ports are open.

import { expect, spyOn, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { UdpListener } from "../../src/io/udp/udp-listener.ts";
import { Admission } from "../../src/server/admission.ts";
import { ChatServer, type ServerOptions } from "../../src/server/chat-server.ts";
import { keepingLog } from "../silent-log.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { patienceMs, until } from "../until.ts";
import { serverOptions } from "./server-options.ts";

const folder = testFolder("server");

const options = (more: Partial<ServerOptions> = {}) => serverOptions(folder, more);

/** Starts a server on free ports, stops it, and returns its announcement. */
async function saidBy(more: Partial<ServerOptions>): Promise<string[]> {
  const said: string[] = [];
  const server = await ChatServer.start(options({ announce: (line) => said.push(line), ...more }));
  await server.stop();
  return said;
}

/** A source file, in the form in which a separate program imports it. */
function source(path: string): string {
  return JSON.stringify(join(import.meta.dir, "../../src", path));
}

/** A TCP port that is occupied until `stop`. */
function takenPort() {
  return Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
}

test("a port of open-chat, its own or the main one of --classic, is announced like in the original", async () => {
  const extra = [{ dialect: "open-chat", port: 0, flag: "--listen open-chat=PORT" }];
  expect(await saidBy({})).toEqual([]);
  expect(await saidBy({ extra })).toEqual(["[STARTED] Waiting for connections..."]);
  expect(await saidBy({ classic: true })).toEqual(["[STARTED] Waiting for connections..."]);
});

test("nothing is announced if the last port is in use", async () => {
  const taken = takenPort();
  const said: string[] = [];
  const extra = [
    { dialect: "line-chat", port: 0, flag: "--listen line-chat=PORT" },
    { dialect: "select-chat", port: taken.port, flag: "--listen select-chat=PORT" },
  ];
  const announce = (line: string) => said.push(line);
  const starting = ChatServer.start(options({ classic: true, extra, announce }));
  await expect(starting).rejects.toMatchObject({ code: "port-in-use" });
  expect(said).toEqual([]);
  taken.stop();
});

test("a dialect that needs a number for TCP and UDP takes another one if UDP does not have it", async () => {
  const open = UdpListener.open.bind(UdpListener);
  let taken: Bun.udp.Socket<"buffer"> | undefined;
  const spy = spyOn(UdpListener, "open").mockImplementation(async (asked) => {
    if (asked.port !== 0)
      taken ??= await Bun.udpSocket({ hostname: "127.0.0.1", port: asked.port });
    return open(asked);
  });
  const extra = [{ dialect: "greeting", port: 0, flag: "--listen greeting=PORT" }] as const;
  const server = await ChatServer.start(options({ extra }));
  spy.mockRestore();
  expect(server.dialectPorts.get("greeting")).not.toBe(taken!.port);
  const connecting = Bun.connect({
    hostname: "127.0.0.1",
    port: taken!.port,
    socket: { data() {} },
  });
  await expect(connecting).rejects.toMatchObject({ code: "ECONNREFUSED" });
  taken!.close();
  await server.stop();
});

test("a client that says its first words when the server has stopped is hung up on", async () => {
  const { log, logged } = keepingLog();
  const server = await ChatServer.start(options({ log }));
  const words = ["Ann\n", '{"type":"hello","version":2,"name":"Nat"}\n', "NICK Ira\r\n"];
  const ended: Promise<void>[] = [];
  const speak: (() => void)[] = [];
  for (const said of words) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect({ host: "127.0.0.1", port: server.port });
    socket.on("error", () => {}).on("close", () => resolve());
    await once(socket, "connect");
    ended.push(promise);
    speak.push(() => void socket.write(said));
  }
  await server.stop();
  for (const say of speak) say();
  await Promise.all(ended);
  expect(logged.filter(({ level }) => level === "error")).toEqual([]);
});

test("--max-per-address 0 means no limit per address", () => {
  const admission = new Admission(0);
  for (let i = 0; i < 1_000; i++) expect(admission.enter("192.0.2.1")).toBeUndefined();
});

test("if the last port is in use, nothing stays open or keeps running", async () => {
  const taken = takenPort();
  const program = `
    import { ChatServer } from ${source("server/chat-server.ts")};
    const options = ${JSON.stringify(options({ webPort: 0 }))};
    options.extra = [{ dialect: "line-chat", port: ${taken.port}, flag: "--listen line-chat=PORT" }];
    options.print = options.announce = () => {};
    await ChatServer.start(options).catch((error) => console.log(error.code));`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdout: "pipe",
    timeout: patienceMs,
  });
  expect(await new Response(child.stdout).text()).toBe("port-in-use\n");
  // It exits by itself.
  expect([await child.exited, child.signalCode]).toEqual([0, null]);
  taken.stop();
}, 180_000);

skipUnless(process.platform === "linux", "descriptors are counted on Linux alone")(
  "a server that had to look for a port twice keeps its spare descriptor until it stops",
  async () => {
    const taken = takenPort();
    // In a separate process, in which nothing else opens and closes descriptors.
    const program = `
      import { readdirSync, readlinkSync } from "node:fs";
      import { ChatServer } from ${source("server/chat-server.ts")};
      import { FileService } from ${source("server/files/file-service.ts")};
      const linkOf = (fd) => { try { return readlinkSync("/proc/self/fd/" + fd); } catch { return ""; } };
      const spares = () => readdirSync("/proc/self/fd").filter((fd) => linkOf(fd) === "/dev/null").length;
      const open = FileService.open.bind(FileService);
      let asked = 0;
      FileService.open = (options) => open(asked++ === 0 ? { ...options, port: ${taken.port} } : options);
      const before = spares();
      const nothing = () => {};
      const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
      const quiet = { print: nothing, announce: nothing, log };
      const server = await ChatServer.start({ ...${JSON.stringify(options())}, ...quiet });
      const during = spares() - before;
      await server.stop();
      console.log(JSON.stringify({ asked, open: during, left: spares() - before }));
      process.exit();`;
    const child = Bun.spawn([process.execPath, "-e", program], {
      stdout: "pipe",
      timeout: patienceMs,
    });
    const said = await new Response(child.stdout).text();
    const { asked, ...spare } = JSON.parse(said) as { asked: number; open: number; left: number };
    expect(spare).toEqual({ open: 1, left: 0 });
    // More often, if another program has taken the second one, too.
    expect(asked).toBeGreaterThanOrEqual(2);
    taken.stop();
  },
);

test("a WebSocket that closes at once is heard to its end, whatever has to be waited for", async () => {
  const server = await ChatServer.start(options({ webPort: 0 }));
  const at = `ws://127.0.0.1:${server.webPort}/ws`;
  const password = "correct horse";
  const listener = new WebSocket(at);
  let heard = "";
  listener.addEventListener("message", ({ data }) => (heard += String(data)));
  await new Promise((resolve) => listener.addEventListener("open", resolve));
  listener.send(line({ type: "hello", version: 2, name: "Ben" }));
  const owner = [
    { type: "hello", version: 2, name: "Ann" },
    { type: "register", password },
  ];
  // The password is hashed while the client has already gone, and then compared.
  sendAndClose(at, [...owner, { type: "say", text: "the first" }]);
  await until(() => heard.includes("the first"));
  await until(() => heard.includes('"type":"left"'));
  heard = "";
  const login = { type: "hello", version: 2, name: "Ann", password };
  sendAndClose(at, [login, { type: "say", text: "the second" }]);
  await until(() => heard.includes("the second"));
  await until(() => heard.includes('"type":"left"'));
  listener.close();
  await server.stop();
});

function line(message: object): string {
  return `${JSON.stringify(message)}\n`;
}

/** Does not wait for answers. */
function sendAndClose(url: string, messages: readonly object[]): void {
  const socket = new WebSocket(url);
  socket.addEventListener("open", () => {
    for (const message of messages) socket.send(line(message));
    socket.close();
  });
}
