// A wildcard port answers from the address that received the datagram, and no other program can
// take the port.

import { afterEach, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { dialects } from "../../src/dialects/table.ts";
import { UdpListener } from "../../src/io/udp/udp-listener.ts";
import { silentLog } from "../silent-log.ts";
import { openDatagramPort } from "../../src/server/datagram-port.ts";
import { FileService } from "../../src/server/files/file-service.ts";
import { SharedFolder } from "../../src/server/files/shared-folder.ts";
import { skipUnless } from "../skip.ts";
import { initBytes, kind, kindAt, writeInit } from "../../src/transfer/wire.ts";
import { testFolder } from "../test-folder.ts";

const outward = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;
const why =
  process.platform !== "linux"
    ? "a local address per socket needs Linux"
    : outward === undefined
      ? "this machine has no address but loopback"
      : "";
const testHere = skipUnless(why === "", `answers from the address that was asked: ${why}`);

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/**
 * The answer to a datagram from loopback to this machine's other address: the kernel by itself
 * would answer from loopback.
 */
async function ask(host: string, port: number, datagram: Uint8Array): Promise<Uint8Array> {
  const answer = Promise.withResolvers<Uint8Array>();
  // Connected: answers from any other address are dropped.
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    connect: { hostname: host, port },
    binaryType: "uint8array",
    // Its datagrams may come after the end of the other socket.
    socket: { data: (_, bytes) => answer.resolve(bytes), error() {} },
  });
  const timer = setInterval(() => socket.send(datagram), 50);
  socket.send(datagram);
  closers.push(() => {
    clearInterval(timer);
    socket.close();
  });
  return answer.promise;
}

const host = outward ?? "";

for (const every of ["0.0.0.0", "::"]) {
  testHere(`on ${every} an answer leaves from the address that was asked`, async () => {
    const listener = await UdpListener.open({
      host: every,
      port: 0,
      onDatagrams(bytes, path) {
        expect(path.local).toBe(host);
        listener.send(bytes, bytes.length, path);
      },
    });
    closers.push(() => listener.close());
    const answer = await ask(host, listener.port, Buffer.from("echo"));
    expect(Buffer.from(answer).toString()).toBe("echo");
  });
}

testHere("date-time answers from the address that was asked", async () => {
  const entry = dialects["date-time"];
  if (entry?.transport !== "udp") throw new Error("date-time is a datagram dialect");
  const port = await openDatagramPort({
    dialect: entry.datagram,
    host: "0.0.0.0",
    port: 0,
    print: () => {},
    log: silentLog,
    refusalFor: () => undefined,
  });
  closers.push(() => port.close());
  const answer = await ask(host, port.port, Buffer.from("date"));
  expect(answer.length).toBeGreaterThan(0);
});

testHere("the file service answers from the address that was asked", async () => {
  const folder = testFolder("addresses");
  const service = await FileService.open({
    folder: new SharedFolder(folder),
    host: "0.0.0.0",
    port: 0,
  });
  closers.push(() => service.close());
  const init = new Uint8Array(initBytes);
  writeInit(init, { token: new Uint8Array(16).fill(7), timeUs: 1 });
  expect(kindAt(await ask(host, service.udpPort, init), 0)).toBe(kind.cookie);
});

test("a port on all addresses is as exclusive as any other", async () => {
  const first = await UdpListener.open({ host: "0.0.0.0", port: 0, onDatagrams() {} });
  closers.push(() => first.close());
  for (const taken of ["0.0.0.0", "127.0.0.1"]) {
    const second = UdpListener.open({ host: taken, port: first.port, onDatagrams() {} });
    expect(
      await second.then(
        () => "open",
        ({ code }) => code,
      ),
    ).toBe("EADDRINUSE");
  }
});

test("an address has one socket, and its port is free again once closed", async () => {
  const first = await UdpListener.open({ host: "127.0.0.1", port: 0, onDatagrams() {} });
  expect([...first.locals]).toEqual([""]);
  const { port } = first;
  first.close();
  const again = await UdpListener.open({ host: "0.0.0.0", port, onDatagrams() {} });
  closers.push(() => again.close());
  expect(again.port).toBe(port);
});

testHere(
  "while there are no descriptors, a port keeps the addresses that it has, and a path has none",
  async () => {
    const program = join(import.meta.dir, "without-descriptors.ts");
    const command = ["sh", "-c", 'ulimit -n 100; exec "$0" "$1"', process.execPath, program];
    const { exitCode, stdout, stderr } = Bun.spawnSync(command);
    expect(`${stdout}${stderr}`).toBe("took true, kept true, own 0\n");
    expect(exitCode).toBe(0);
  },
);
