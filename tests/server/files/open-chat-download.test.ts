// The open-chat download ports over real sockets: a client like the original, freed ports, ports in
// use.

import { afterEach, expect, test } from "bun:test";
import { ownerAt } from "../../../src/share-owner.ts";
import {
  OpenChatDownloads,
  type OpenChatDownloadOptions,
  type DownloadFile,
} from "../../../src/server/files/open-chat-download.ts";
import { ParleyError } from "../../../src/errors.ts";
import { openChatDownload as limits } from "../../../src/limits.ts";
import { until } from "../../until.ts";

const host = "127.0.0.1";
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const content = Uint8Array.from({ length: 2_500 }, (_, i) => (i * 7) & 0xff);
let openFiles = 0;

function file(bytes = content, unchanged = () => true): DownloadFile {
  openFiles++;
  return {
    size: bytes.length,
    read(target, position) {
      const piece = bytes.subarray(position, position + Math.min(target.length, 400));
      target.set(piece);
      return piece.length;
    },
    unchanged,
    close: () => void openFiles--,
  };
}

function downloads(options: Partial<OpenChatDownloadOptions> = {}): OpenChatDownloads {
  const made = new OpenChatDownloads({ host, firstPort: 0, open: () => file(), ...options });
  closers.push(() => made.close());
  return made;
}

/** Sends like the original: one request, one answer. */
async function client(port: number) {
  const answers: Uint8Array[] = [];
  let heard: (() => void) | undefined;
  const socket = await Bun.udpSocket({
    hostname: host,
    binaryType: "uint8array",
    connect: { hostname: host, port },
    socket: {
      data(_, bytes) {
        answers.push(bytes.slice());
        heard?.();
      },
      error: () => {},
    },
  });
  closers.push(() => socket.close());
  return {
    send: (text: string) => socket.send(text),
    async ask(text: string): Promise<Uint8Array> {
      const heardOne = new Promise<void>((resolve) => (heard = resolve));
      socket.send(text);
      await heardOne;
      return answers.shift() ?? new Uint8Array(0);
    },
  };
}

async function freePort(): Promise<number> {
  const socket = await Bun.udpSocket({ hostname: host });
  const port = socket.port;
  socket.close();
  return port;
}

test("sends a whole file part by part, and frees the port at `finished`", async () => {
  const pool = downloads();
  const { port, sizeBytes } = await pool.start("a.txt", { address: "127.0.0.1" });
  expect(sizeBytes).toBe(2_500);
  const peer = await client(port);
  const got: number[] = [];
  for (let index = 0; index <= Math.floor(sizeBytes / 1000); index++) {
    const pickle = await peer.ask(`part ${index}`);
    expect(pickle.length).toBe(index < 2 ? 1016 : 516);
    got.push(...pickle.subarray(7, pickle.length - 9));
  }
  expect(Uint8Array.from(got)).toEqual(content);
  peer.send("finished");
  await until(() => pool.running === 0);
  expect(openFiles).toBe(0);
});

test("a silent client loses its port and is notified", async () => {
  const told: string[] = [];
  const pool = downloads({ idleMs: 30 });
  await pool.start("a.txt", { onFailed: (sentence) => told.push(sentence) });
  await until(() => pool.running === 0);
  expect(told).toEqual(["No request arrived: 'a.txt' was not sent completely"]);
  const { port } = await pool.start("a.txt", { onFailed: (sentence) => told.push(sentence) });
  await (await client(port)).ask("part 0");
  await until(() => pool.running === 0);
  expect(told[1]).toBe("No further requests arrived: 'a.txt' was not sent completely");
  expect(openFiles).toBe(0);
});

test("a session may hold few ports, and fewer unused ones; others still get one", async () => {
  const pool = downloads();
  const results = await Promise.allSettled(
    Array.from({ length: limits.ports }, () => pool.start("a.txt", { session: 1 })),
  );
  const [first, second] = results.flatMap((result) =>
    result.status === "fulfilled" ? [result.value.port] : [],
  );
  expect([pool.running, openFiles]).toEqual([limits.unaskedPerSession, limits.unaskedPerSession]);
  expect(results.at(-1)).toMatchObject({
    status: "rejected",
    reason: {
      code: "full",
      message: "You already have 2 downloads, 2 of them not started: finish one first",
    },
  });
  await pool.start("a.txt", { session: 2 });
  // A port in use is skipped, up to a limit.
  const one = await client(first!);
  await one.ask("part 0");
  await (await client(second!)).ask("part 0");
  for (let more = 2; more < limits.portsPerSession; more++) {
    const { port } = await pool.start("a.txt", { session: 1 });
    await (await client(port)).ask("part 0");
  }
  expect(pool.start("a.txt", { session: 1 })).rejects.toThrow("finish one first");
  one.send("finished");
  await until(() => pool.running === limits.portsPerSession);
  await pool.start("a.txt", { session: 1 });
});

test("when a session ends, only its unused ports are freed", async () => {
  const told: string[] = [];
  const pool = downloads();
  const asker = { session: 1, onFailed: (sentence: string) => told.push(sentence) };
  const { port } = await pool.start("a.txt", asker);
  const peer = await client(port);
  await peer.ask("part 0");
  await pool.start("a.txt", asker);
  await pool.start("a.txt", { session: 2 });
  pool.sessionEnded(1);
  expect([pool.running, openFiles, told]).toEqual([2, 2, []]);
  await peer.ask("part 1");
  // A download whose session ends while it starts loses its port, too.
  const late = pool.start("a.txt", { session: 2 });
  pool.sessionEnded(2);
  await late;
  await until(() => pool.running === 1);
  expect(openFiles).toBe(1);
});

test("one address may hold half of the pool, loopback all of it", async () => {
  const pool = downloads();
  let session = 0;
  const start = (address: string) =>
    pool.start("a.txt", { session: session++, address, owner: ownerAt(address) });
  for (let i = 0; i < limits.portsPerAddress; i++) await start(`2001:db8:1:2::${i + 1}`);
  await expect(start("2001:db8:1:2::99")).rejects.toThrow(
    `2001:db8:1:2::/64 already has ${limits.portsPerAddress} downloads: finish one first`,
  );
  await start("192.0.2.1");
  pool.sessionEnded(0);
  await start("2001:db8:1:2::99");
  await expect(start("2001:db8:1:2::98")).rejects.toThrow("finish one first");
  const here = downloads();
  for (let i = 0; i < limits.ports; i++) {
    await here.start("a.txt", { session: i, address: "127.0.0.1" });
  }
  expect(here.running).toBe(limits.ports);
});

test("after its session ends, a download ends unless it makes progress", async () => {
  // A machine that is busy for less than this ends nothing.
  const idleMs = 1_000;
  const told: string[] = [];
  const long = new Uint8Array(1_000 * limits.partBytes);
  const pool = downloads({ idleMs, open: (name) => file(name === "long" ? long : content) });
  const asker = { session: 1, onFailed: (sentence: string) => told.push(sentence) };
  const again = await client((await pool.start("short", asker)).port);
  const onward = await client((await pool.start("long", asker)).port);
  await again.ask("part 0");
  await onward.ask("part 0");
  let part = 0;
  const asking = setInterval(() => {
    again.send("part 0");
    onward.send(`part ${++part}`);
  }, idleMs / 10);
  closers.push(() => clearInterval(asking));
  // During its session, a client may request the same part as often as it likes.
  const startMs = performance.now();
  await until(() => performance.now() - startMs > 1.5 * idleMs);
  expect([pool.running, told]).toEqual([2, []]);
  pool.sessionEnded(1);
  await until(() => pool.running === 1);
  expect(told).toEqual(["No further requests arrived: 'short' was not sent completely"]);
  onward.send("finished");
  await until(() => pool.running === 0);
  expect([told.length, openFiles]).toEqual([1, 0]);
}, 180_000);

test("a file that changes is never sent as a mixture", async () => {
  const told: string[] = [];
  let same = true;
  const pool = downloads({ open: () => file(content, () => same) });
  const { port } = await pool.start("a.txt", { onFailed: (sentence) => told.push(sentence) });
  const peer = await client(port);
  await peer.ask("part 0");
  same = false;
  peer.send("part 1");
  await until(() => pool.running === 0);
  expect(told).toEqual(["The file has changed or cannot be read: 'a.txt' was not sent completely"]);
});

test("the pool is bounded, skips ports in use and the transfer port, and never shares one", async () => {
  const firstPort = (await freePort()) & ~0xf;
  const taken = await Bun.udpSocket({ hostname: host, port: firstPort + 3 }).catch(() => undefined);
  closers.push(() => taken?.close());
  const pool = downloads({ firstPort, skipPort: firstPort });
  const results = await Promise.allSettled(
    Array.from({ length: limits.ports + 4 }, () => pool.start("a.txt")),
  );
  const ports = results.flatMap((result) =>
    result.status === "fulfilled" ? [result.value.port] : [],
  );
  expect(new Set(ports).size).toBe(ports.length);
  expect(ports.length).toBeGreaterThan(0);
  expect(ports).not.toContain(firstPort);
  expect(ports).not.toContain(firstPort + 3);
  for (const port of ports) expect(port - firstPort).toBeLessThan(limits.ports);
  const failures = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason] : [],
  );
  expect(failures.every((error) => error instanceof ParleyError && error.code === "full")).toBe(
    true,
  );
  expect(openFiles).toBe(ports.length);
  pool.close();
  expect([pool.running, openFiles]).toEqual([0, 0]);
});

test("an unknown name takes no port", async () => {
  const pool = downloads({
    open: (name) => {
      throw new ParleyError("not-found", `No file '${name}'`);
    },
  });
  expect(pool.start("nope")).rejects.toThrow("No file 'nope'");
  expect(pool.running).toBe(0);
});
